/** The files of a repository that holds environments, and uses this package. */
import { stringify } from "yaml";

import { day, quoted } from "../rotation.ts";
import { commandNames } from "./all.ts";

/** What somebody has to know to begin. */
export interface Wanted {
  readonly tenantId: string;
  /** The environment's name. */
  readonly stack: string;
  /** The first host's address. */
  readonly host: string;
  /** For example `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  readonly adminUser: string;
  /** Of the first site. */
  readonly domain: string;
  readonly upstream: string;
  readonly emailDomain: string;
}

/** The workflows, as this package has them: they call the scripts that {@link newRepository} writes. */
export const workflowFiles = [
  ".github/actions/engine/action.yml",
  ...["block-disabled", "drift", "preview", "review", "review-comment", "rotate", "up"].map(
    (name) => `.github/workflows/${name}.yml`,
  ),
];

/**
 * All files but the workflows, by their paths.
 * @param present what is in package.json already
 * @param version of this package
 */
export function newRepository(
  wanted: Wanted,
  present: Readonly<{ scripts?: object; dependencies?: object }>,
  version: string,
  now: Date,
): Readonly<Record<string, string>> {
  const { scripts, dependencies } = present;
  const manifest = {
    name: "sites",
    private: true,
    ...present,
    type: "module",
    main: "node_modules/protected-sites/dist/infra/main.js",
    scripts: {
      ...Object.fromEntries(
        commandNames
          .filter((it) => it !== "init" && it !== "completion")
          .map((name) => [name, `protected-sites ${name}`]),
      ),
      ...scripts,
    },
    dependencies: { "protected-sites": version, ...dependencies },
  };
  return {
    "package.json": `${JSON.stringify(manifest, null, 2)}\n`,
    "Pulumi.yaml": project,
    [`stacks/Pulumi.${wanted.stack}.yaml`]: environment(wanted, now),
    "policy/PulumiPolicy.yaml": "runtime: nodejs\ndescription: What no environment may do.\n",
    "policy/package.json": `${JSON.stringify({ name: "policy", version: "0.0.0", private: true, type: "module", main: "index.js" }, null, 2)}\n`,
    "policy/index.js": policy,
    ".gitignore": "node_modules/\n",
    ".vscode/extensions.json": '{ "recommendations": ["redhat.vscode-yaml"] }\n',
  };
}

const project = `# The name is also the prefix of all settings in stacks/.
name: protected-sites
description: Internal web sites that only signed-in people of one Microsoft Entra tenant can open
requiredPulumiVersion: ">=3.259.0"
stackConfigDir: stacks
# The program is package.json's "main", compiled.
runtime:
  name: nodejs
  options:
    typescript: false
    packagemanager: npm
`;

const policy = `// What no environment may do: --policy-pack policy. Add rules of your own organisation to the list.
import { PolicyPack } from "@pulumi/policy";
import { rules } from "protected-sites/policy";

new PolicyPack("protected-sites", { enforcementLevel: "mandatory", policies: [...rules] });
`;

/** The environment's file, with the first host and site. */
export function environment(wanted: Wanted, now: Date): string {
  const { tenantId, host, hostKey, adminUser, domain, upstream, emailDomain } = wanted;
  const settings = {
    tenantId,
    adminUser,
    hosts: [{ name: "edge-1", address: host, hostKey }],
    sites: {
      [domain.split(".")[0] ?? ""]: {
        domain,
        port: 4180,
        upstream,
        emailDomains: [emailDomain],
        clientSecrets: [{ generation: 1, endDate: quoted(day(now, 180)) }],
      },
    },
  };
  const config = Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [`protected-sites:${key}`, value]),
  );
  return `# yaml-language-server: $schema=../node_modules/protected-sites/stacks/schema.json\n${stringify({ config }, { lineWidth: 0 })}`;
}
