/** What turns a machine into a proxy host: the push program, what it needs, and who may run it. */
import { readFileSync } from "node:fs";

import type * as pulumi from "@pulumi/pulumi";

import { bundle, type BundleFile } from "./bundle.ts";
import { deployerUser, type Login } from "./connection.ts";
import { hostCommand, program } from "./host-command.ts";

/** The push program itself. Replaced in one step, and only by a text that Python can read. */
export function hostProgram(
  name: string,
  { login }: { readonly login: Login },
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const script = [
    "set -eu",
    "umask 022",
    `cat > ${program}.new`,
    `python3 -I ${program}.new version >&2`,
    `chmod 0755 ${program}.new`,
    `sync ${program}.new`,
    `mv -f ${program}.new ${program}`,
  ].join("; ");
  return hostCommand(
    name,
    {
      login,
      create: `sudo -n sh -c '${script}'`,
      delete: `sudo -n rm -f ${program}`,
      stdin: readFileSync(new URL("protected-sites.py", import.meta.url), "utf8"),
    },
    opts,
  );
}

/** What {@link hostSetup} sends. */
export interface HostSetupArgs {
  readonly login: Login;
  readonly oauth2Proxy: { readonly version: string; readonly url: string; readonly sha256: string };
  readonly allowVulnerableOauth2Proxy: boolean;
  readonly files: readonly BundleFile[];
}

/** Packages, users, folders, oauth2-proxy and what all sites share in Nginx. */
export function hostSetup(
  name: string,
  { login, oauth2Proxy, allowVulnerableOauth2Proxy, files }: HostSetupArgs,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const { version, url, sha256 } = oauth2Proxy;
  const facts = { deployer: deployerUser, oauth2Proxy: { version, url, sha256 }, allowVulnerableOauth2Proxy };
  return hostCommand(
    name,
    {
      login,
      create: `sudo -n ${program} setup`,
      delete: `sudo -n ${program} teardown`,
      stdin: bundle([{ name: "host.json", text: `${JSON.stringify(facts, null, 2)}\n` }, ...files]),
    },
    opts,
  );
}

/** Who may push: the deployer's public key. */
export function hostDeployer(
  name: string,
  { login, publicKey }: { readonly login: Login; readonly publicKey: pulumi.Input<string> },
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  return hostCommand(name, { login, create: `sudo -n ${program} authorize`, stdin: publicKey }, opts);
}
