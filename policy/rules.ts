/**
 * What no environment may do, whatever program declares it: read from the resources as the engine gets them, so that a
 * mistake in the component shows as much as one beside it. docs/policy.md lists them for users.
 */
import * as azuread from "@pulumi/azuread";
import * as command from "@pulumi/command";
import type {
  Policies,
  PolicyResource,
  ReportViolation,
  ResourceValidation,
  ResourceValidationArgs,
  ResourceValidationPolicy,
  StackValidationPolicy,
} from "@pulumi/policy";
import { UnknownValueError, validateResourceOfType } from "@pulumi/policy";
import * as random from "@pulumi/random";
import { parse } from "smol-toml";

import { unbundle } from "../components/host/bundle.ts";
import { keyVariables } from "../components/host/connection.ts";
import { hostCommandType } from "../components/host/host-command.ts";
import { checksum, shownElsewhere } from "../components/host/kept-text.ts";
import { brokenPromises } from "../components/render/oauth2-proxy-settings.ts";

interface Connection {
  readonly host: string;
  readonly hostKey?: string;
  readonly proxy?: Connection;
}

const hostKeyPinned: ResourceValidationPolicy = {
  name: "host-key-pinned",
  description: "Every SSH connection pins the host's key: otherwise, whoever answers gets the secrets.",
  validateResource: [
    validateResourceOfType(command.local.Command, ({ environment = {} }, _, report) => {
      for (const hop of ["HOST", "JUMP"])
        if (environment[`${hop}_ADDRESS`] && !environment[`${hop}_KEY`])
          report(
            `environment.${hop}_KEY must be the public key of ${environment[`${hop}_ADDRESS`]}, got none`,
          );
    }),
    validateResourceOfType(command.remote.Command, ({ connection }, _, report) => {
      for (const problem of unpinned(connection)) report(problem);
    }),
    validateResourceOfType(command.remote.CopyToRemote, ({ connection }, _, report) => {
      for (const problem of unpinned(connection)) report(problem);
    }),
  ],
};

function unpinned({ host, hostKey, proxy }: Connection): string[] {
  const own = hostKey ? [] : [`connection.hostKey must be the public key of ${host}, got none`];
  return proxy === undefined ? own : [...own, ...unpinned(proxy)];
}

const endDateSet: ResourceValidationPolicy = {
  name: "end-date-set",
  description: "Every client secret has an explicit end date, so that there is a warning before it expires.",
  validateResource: validateResourceOfType(azuread.ApplicationPassword, ({ endDate }, _, report) => {
    if (!endDate)
      report(
        "endDate must be set (clientSecrets.N.endDate in the stack's file; npm run rotate writes one, with --first for a site that is not deployed yet)",
      );
  }),
};

const twoOwners: ResourceValidationPolicy = {
  name: "two-owners",
  description:
    "Every registration has two owners besides the deployer, so that it still has one when somebody leaves.",
  enforcementLevel: "advisory",
  validateResource: validateResourceOfType(azuread.Application, ({ owners = [] }, _, report) => {
    const people = Math.max(owners.length - 1, 0);
    if (people < 2)
      report(`owners should name at least two people (owners in the stack's file), got ${people}`);
  }),
};

const httpsRedirects: ResourceValidationPolicy = {
  name: "https-redirects",
  description:
    "Entra redirects people, with their authorization codes, only to https URIs without a wildcard.",
  validateResource: validateResourceOfType(
    azuread.Application,
    ({ web, publicClient, singlePageApplication }, _, report) => {
      for (const uri of [web, publicClient, singlePageApplication].flatMap((it) => it?.redirectUris ?? [])) {
        if (!/^https:\/\/[^*]+$/.test(uri))
          report(`a redirect URI must be https and contain no "*", got "${uri}"`);
      }
    },
  ),
};

/** A rule for what any command gets on its standard input, whoever runs it and however it reaches a host. */
function ofEachCommand(
  rule: (
    push: { readonly stdin?: string | undefined },
    args: ResourceValidationArgs,
    report: ReportViolation,
  ) => void,
): ResourceValidation[] {
  return [
    validateResourceOfType(command.local.Command, rule),
    validateResourceOfType(command.remote.Command, rule),
  ];
}

const oauth2ProxyOptions: ResourceValidationPolicy = {
  name: "no-forbidden-oauth2-proxy-option",
  description: "No option of oauth2-proxy lets requests bypass authentication, or turns a check off.",
  validateResource: ofEachCommand((push, _, report) => {
    const config = oauth2ProxyConfig(known(() => push.stdin));
    // Other commands push no such file.
    if (Object.keys(config).length === 0) return;
    for (const { key, problem } of brokenPromises(config)) report(`oauth2-proxy.cfg: ${key} ${problem}`);
  }),
};

const noWildcard: ResourceValidationPolicy = {
  name: "no-wildcard-without-gate",
  description: 'email_domains = ["*"] requires a group or role: alone, it lets in every guest of the tenant.',
  validateResource: ofEachCommand((push, _, report) => {
    const { email_domains: domains = [], allowed_groups: groups = [] } = oauth2ProxyConfig(
      known(() => push.stdin),
    );
    if ((domains as string[]).includes("*") && (groups as string[]).length === 0)
      report('oauth2-proxy.cfg: email_domains = ["*"] requires allowed_groups, got none');
  }),
};

/**
 * What may be unknown in a preview, such as a secret that has not been created: reading it throws. Such a rule is
 * evaluated in the update, once the value is known and before it is used.
 */
function known<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof UnknownValueError) return undefined;
    throw error;
  }
}

/** The oauth2-proxy configuration that a push carries; empty where it carries none. */
function oauth2ProxyConfig(stdin: string | undefined): Record<string, unknown> {
  return parse(unbundle(stdin ?? "").find(({ name }) => name === "oauth2-proxy.cfg")?.text ?? "");
}

const sentTextShown: StackValidationPolicy = {
  name: "sent-text-shown",
  description:
    "A text that a command sends by its checksum is another resource's, where it is judged and a preview shows it.",
  validateStack: ({ resources }, report) => {
    const inputs = resources
      .filter(({ type }) => type === hostCommandType)
      .flatMap(({ name, urn, props }) => {
        const stdin = known(() => (props as command.local.CommandArgs).stdin);
        return typeof stdin === "string" ? [{ name, urn, stdin }] : [];
      });
    const shown = new Set(inputs.map(({ name, stdin }) => `${name} ${checksum(stdin)}`));
    for (const { urn, stdin } of inputs) {
      const { by, sum } = shownElsewhere(stdin) ?? {};
      if (by !== undefined && !shown.has(`${by} ${sum}`))
        report(`what it sends must be what ${by} sends, got another text, with SHA-256 ${sum}`, urn);
    }
  },
};

const noSecretAsId: ResourceValidationPolicy = {
  name: "no-secret-as-id",
  description:
    "Secrets come from RandomPassword: the other random resources store theirs in plain text, as their ID.",
  validateResource: [random.RandomBytes, random.RandomId, random.RandomString].map((type) =>
    validateResourceOfType(type as typeof random.RandomId, (_, { name }, report) => {
      report(`${name} must be a RandomPassword: its value would be its ID, in plain text`);
    }),
  ),
};

const noSecretInTheClear: StackValidationPolicy = {
  name: "no-secret-in-the-clear",
  description: "No command's text or environment contains a secret: errors and logs print them.",
  validateStack: ({ resources }, report) => {
    const secrets = resources.flatMap((it) => secretsOf(it).map((value) => ({ value, owner: it.name })));
    for (const resource of resources.filter(({ type }) => /^command:(?:remote|local):/.test(type))) {
      const { type, props } = resource as { type: string; props: Record<string, unknown> };
      const shown = [
        ...["create", "update", "delete"].map((name) => known(() => props[name])),
        shownVariables(type, props),
      ]
        .map((it) => JSON.stringify(it))
        .join("\n");
      for (const { value, owner } of secrets) {
        const lines = value.split("\n").filter((line) => line.length > 8 && !line.startsWith("-----"));
        if (lines.some((line) => shown.includes(JSON.stringify(line).slice(1, -1))))
          report(
            `its command must take secrets on stdin only, but its text contains that of ${owner}`,
            resource.urn,
          );
      }
    }
  },
};

/** A command's environment, of one of ours without the keys by which it logs in. */
function shownVariables(type: string, props: Record<string, unknown>): unknown[] {
  const environment = known(() => props["environment"]) ?? {};
  return Object.keys(environment)
    .filter((name) => type !== hostCommandType || !keyVariables.has(name))
    .map((name) => known(() => (environment as Record<string, unknown>)[name]));
}

/** Properties that contain a secret, by the type of the resource. */
const secretProperties: Readonly<Record<string, readonly string[]>> = {
  "azuread:index/applicationPassword:ApplicationPassword": ["value"],
  "random:index/randomPassword:RandomPassword": ["result"],
  "tls:index/privateKey:PrivateKey": ["privateKeyOpenssh", "privateKeyPem"],
};

function secretsOf({ type, props }: PolicyResource): string[] {
  return (secretProperties[type] ?? [])
    .map((name) => known(() => (props as Record<string, unknown>)[name]))
    .filter((value): value is string => typeof value === "string" && value !== "");
}

const oneSiteOneRegistration: StackValidationPolicy = {
  name: "one-site-one-registration",
  description:
    "No two sites share a registration: a session or a secret of one would be valid for the other.",
  validateStack: ({ resources }, report) => {
    const users = new Map<string, string>();
    for (const { type, props, name, urn } of resources) {
      if (type !== "azuread:index/application:Application") continue;
      const { web } = props as azuread.ApplicationArgs as { web?: { redirectUris?: string[] } };
      const hosts = new Set((web?.redirectUris ?? []).map((uri) => URL.parse(uri)?.host ?? uri));
      if (hosts.size > 1)
        report(`${name} must be the registration of one site, got ${[...hosts].join(", ")}`, urn);
      for (const host of hosts) {
        const other = users.get(host);
        const both = [other, name].sort().join(" and ");
        if (other !== undefined) report(`${host} must have one registration, got ${both}`, urn);
        users.set(host, name);
      }
    }
  },
};

/** All rules, for `policy/index.js`. */
export const rules: Policies = [
  hostKeyPinned,
  endDateSet,
  twoOwners,
  httpsRedirects,
  oauth2ProxyOptions,
  noWildcard,
  sentTextShown,
  noSecretAsId,
  noSecretInTheClear,
  oneSiteOneRegistration,
];
