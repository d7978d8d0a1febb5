/** Each rule of the policy pack: what it takes, and what it says of what it does not. */
import type { PolicyResource, ResourceValidationArgs, StackValidationArgs } from "@pulumi/policy";
import { expect, test } from "vitest";

import { bundle } from "../../../components/host/bundle.ts";
import { shownOnce } from "../../../components/host/kept-text.ts";
import { oauth2ProxyConfig } from "../../../components/render/oauth2-proxy.ts";
import { rules } from "../../../policy/rules.ts";
import { site, tenantId } from "../../sites.ts";

const command = "command:local:Command";
const application = "azuread:index/application:Application";
const random = (name: string) => `random:index/${name.charAt(0).toLowerCase()}${name.slice(1)}:${name}`;
const password = "azuread:index/applicationPassword:ApplicationPassword";

/** What the engine takes as "not for this type". */
class NotApplicable extends Error {}

/** A resource as the engine gives it to a rule. */
function resource(type: string, name: string, props: object): PolicyResource {
  const isType = ({ __pulumiType }: { __pulumiType?: string }) => __pulumiType === type;
  const urn = `urn:pulumi:prod::protected-sites::${type}::${name}`;
  const notApplicable = () => {
    throw new NotApplicable();
  };
  return { type, name, urn, props, isType, notApplicable } as unknown as PolicyResource;
}

/** What all rules together say of these resources, each with the rule's name. */
async function said(...resources: readonly PolicyResource[]): Promise<string[]> {
  const found: string[] = [];
  for (const rule of rules) {
    const report = (message: string) => found.push(`${rule.name}: ${message}`);
    if ("validateStack" in rule)
      await rule.validateStack({ resources } as unknown as StackValidationArgs, report);
    else
      for (const validate of [rule.validateResource ?? []].flat())
        for (const one of resources)
          await judged(() => validate(one as unknown as ResourceValidationArgs, report));
  }
  return found;
}

async function judged(validate: () => Promise<void> | void): Promise<void> {
  try {
    await validate();
  } catch (error) {
    if (!(error instanceof NotApplicable)) throw error;
  }
}

const pinned = { HOST_ADDRESS: "10.0.0.11", HOST_KEY: "ssh-ed25519 AAAA" };
const behindJump = { ...pinned, JUMP_ADDRESS: "10.0.0.99" };
const wiki = oauth2ProxyConfig(site(), tenantId);
const pushOf = (text: string, given: object = {}) =>
  resource(command, "wiki-edge-1", {
    environment: pinned,
    create: "sudo -n protected-sites push",
    stdin: bundle([{ name: "oauth2-proxy.cfg", link: "/etc/oauth2-proxy/oauth2-proxy_wiki.cfg", text }]),
    ...given,
  });
const registration = (name: string, ...redirectUris: string[]) =>
  resource(application, name, { web: { redirectUris }, owners: ["deployment", "ada", "grace"] });
const callback = "https://wiki.example.com/oauth2/callback";

test("a site as the component declares it violates no policy", async () => {
  expect(
    await said(
      registration("wiki", callback, "https://wiki.example.com/oauth2/signed-out"),
      resource(password, "wiki-client-secret-1", { endDate: "2027-11-01T00:00:00Z", value: "client-secret" }),
      resource(random("RandomPassword"), "wiki-cookie-secret", { result: "cookie-secret" }),
      pushOf(wiki),
      resource(command, "wiki-edge-1-credentials", {
        environment: { ...behindJump, JUMP_KEY: "ssh-ed25519 BBBB", PRIVATE_KEY: "deployer-key" },
        create: "sudo -n protected-sites credentials",
        stdin: '{"clientSecret":"client-secret"}',
      }),
    ),
  ).toEqual([]);
});

/** By what they are, with the rule and its words. */
const refused: readonly [string, string, ...PolicyResource[]][] = [
  [
    "a host whose key is not pinned",
    "host-key-pinned: environment.HOST_KEY must be the public key of 10.0.0.11, got none",
    pushOf(wiki, { environment: { HOST_ADDRESS: "10.0.0.11" } }),
  ],
  [
    "a jump host whose key is not pinned",
    "host-key-pinned: environment.JUMP_KEY must be the public key of 10.0.0.99, got none",
    pushOf(wiki, { environment: behindJump }),
  ],
  [
    "a command of another program on a host whose key is not pinned",
    "host-key-pinned: connection.hostKey must be the public key of 10.0.0.11, got none",
    resource("command:remote:Command", "other", { connection: { host: "10.0.0.11" }, create: "true" }),
  ],
  [
    "a command of another program on a jump host whose key is not pinned",
    "host-key-pinned: connection.hostKey must be the public key of jump, got none",
    resource("command:remote:Command", "other", {
      connection: { host: "10.0.0.11", hostKey: "ssh-ed25519 AAAA", proxy: { host: "jump" } },
    }),
  ],
  [
    "a file that is copied to a host whose key is not pinned",
    "host-key-pinned: connection.hostKey must be the public key of 10.0.0.11, got none",
    resource("command:remote:CopyToRemote", "file", { connection: { host: "10.0.0.11" } }),
  ],
  [
    "a client secret without an end",
    "end-date-set: endDate must be set (clientSecrets.N.endDate in the stack's file; npm run rotate writes one, with --first for a site that is not deployed yet)",
    resource(password, "wiki-client-secret-1", {}),
  ],
  [
    "a registration with one owner besides the deployer, as a warning",
    "two-owners: owners should name at least two people (owners in the stack's file), got 1",
    resource(application, "wiki", { web: { redirectUris: [callback] }, owners: ["deployment", "ada"] }),
  ],
  [
    "a redirect to plain HTTP",
    'https-redirects: a redirect URI must be https and contain no "*", got "http://wiki.example.com/"',
    registration("wiki", "http://wiki.example.com/"),
  ],
  [
    "a redirect with a wildcard",
    'https-redirects: a redirect URI must be https and contain no "*", got "https://*.example.com/"',
    registration("wiki", "https://*.example.com/"),
  ],
  [
    "requests that bypass authentication",
    'no-forbidden-oauth2-proxy-option: oauth2-proxy.cfg: skip_auth_routes must not be set, got ["^/api"]',
    pushOf(`skip_auth_routes = ["^/api"]\n${wiki}`),
  ],
  [
    "tokens of programs that no file names",
    "no-forbidden-oauth2-proxy-option: oauth2-proxy.cfg: skip_jwt_bearer_tokens must not be set, got true",
    pushOf(`skip_jwt_bearer_tokens = true\n${wiki}`),
  ],
  [
    "a check of Entra's answers that is off",
    "no-forbidden-oauth2-proxy-option: oauth2-proxy.cfg: insecure_oidc_skip_issuer_verification must not be set, got true",
    pushOf(`insecure_oidc_skip_issuer_verification = true\n${wiki}`),
  ],
  [
    "a sign-in that may lead to every name below a domain",
    'no-forbidden-oauth2-proxy-option: oauth2-proxy.cfg: whitelist_domains must be like \\w[\\w.-]*, got [".example.com"]',
    pushOf(wiki.replace(/^whitelist_domains = .*$/m, 'whitelist_domains = [".example.com"]')),
  ],
  [
    "an option that nobody here knows",
    "no-forbidden-oauth2-proxy-option: oauth2-proxy.cfg: a_new_way_in must not be set, got true",
    pushOf(`a_new_way_in = true\n${wiki}`),
  ],
  [
    "addresses whose word on the client is taken",
    'no-forbidden-oauth2-proxy-option: oauth2-proxy.cfg: trusted_proxy_ips must be ["127.0.0.1/32","::1/128"], got none',
    pushOf(wiki.replace(/^trusted_proxy_ips = .*$/m, "")),
  ],
  [
    "a session cookie that other sites' pages send along",
    'no-forbidden-oauth2-proxy-option: oauth2-proxy.cfg: cookie_samesite must be "lax", got "none"',
    pushOf(wiki.replace('cookie_samesite = "lax"', 'cookie_samesite = "none"')),
  ],
  [
    "every account of every domain",
    'no-wildcard-without-gate: oauth2-proxy.cfg: email_domains = ["*"] requires allowed_groups, got none',
    pushOf(wiki.replace(/^email_domains = .*$/m, 'email_domains = ["*"]')),
  ],
  [
    "a secret that would be an ID",
    "no-secret-as-id: cookie must be a RandomPassword: its value would be its ID, in plain text",
    resource(random("RandomBytes"), "cookie", {}),
  ],
  [
    "a secret in a command's text",
    "no-secret-in-the-clear: its command must take secrets on stdin only, but its text contains that of wiki-client-secret-1",
    resource(password, "wiki-client-secret-1", { endDate: "2027-11-01T00:00:00Z", value: "client-secret" }),
    pushOf(wiki, { create: "push --secret client-secret" }),
  ],
  [
    "a secret in a command's environment",
    "no-secret-in-the-clear: its command must take secrets on stdin only, but its text contains that of deployer",
    resource("tls:index/privateKey:PrivateKey", "deployer", {
      privateKeyOpenssh: "-----BEGIN\nb3BlbnNzaC1rZXkt\n-----END\n",
    }),
    pushOf(wiki, { environment: { KEY: "b3BlbnNzaC1rZXkt" } }),
  ],
  [
    "a secret in the environment of a command on a server, whatever the variable's name",
    "no-secret-in-the-clear: its command must take secrets on stdin only, but its text contains that of deployer",
    resource("tls:index/privateKey:PrivateKey", "deployer", {
      privateKeyOpenssh: "-----BEGIN\nb3BlbnNzaC1rZXkt\n-----END\n",
    }),
    resource("command:remote:Command", "other", {
      connection: { host: "10.0.0.11", hostKey: "ssh-ed25519 AAAA" },
      environment: { PRIVATE_KEY: "b3BlbnNzaC1rZXkt" },
    }),
  ],
  [
    "everybody of the tenant, pushed by a command with a connection of its own",
    'no-wildcard-without-gate: oauth2-proxy.cfg: email_domains = ["*"] requires allowed_groups, got none',
    resource("command:remote:Command", "other", {
      connection: { host: "10.0.0.11", hostKey: "ssh-ed25519 AAAA" },
      stdin: bundle([
        { name: "oauth2-proxy.cfg", text: wiki.replace(/^email_domains = .*$/m, 'email_domains = ["*"]') },
      ]),
    }),
  ],
  [
    "a text that no preview shows",
    `sent-text-shown: what it sends must be what wiki-edge-1 sends, got another text, with SHA-256 ${"0".repeat(64)}`,
    pushOf(wiki),
    resource(command, "wiki-edge-2", {
      environment: pinned,
      stdin: `as wiki-edge-1, SHA-256 ${"0".repeat(64)}`,
    }),
  ],
  [
    "one registration for two sites",
    "one-site-one-registration: both must be the registration of one site, got wiki.example.com, code.example.com",
    registration("both", callback, "https://code.example.com/oauth2/callback"),
  ],
  [
    "two registrations for one site",
    "one-site-one-registration: wiki.example.com must have one registration, got one and other",
    registration("one", callback),
    registration("other", callback),
  ],
];

test.each(refused)("refuses %s", async (_, sentence, ...resources) => {
  expect(await said(...resources)).toEqual([sentence]);
});

const withEnd = { endDate: "2027-11-01T00:00:00Z", value: "client-secret" };
/** For each rule the closest to what it refuses that it lets pass. */
const passing: Readonly<Record<string, readonly PolicyResource[]>> = {
  "host-key-pinned": [pushOf(wiki, { environment: { ...behindJump, JUMP_KEY: "ssh-ed25519 BBBB" } })],
  "end-date-set": [resource(password, "wiki-client-secret-1", withEnd)],
  "two-owners": [registration("wiki", callback)],
  "https-redirects": [registration("wiki", callback, "https://wiki.example.com/oauth2/signed-out")],
  // Tokens of programs, where a file names which ones.
  "no-forbidden-oauth2-proxy-option": [
    pushOf(`skip_jwt_bearer_tokens = true\nauthenticated_emails_file = "/etc/machine-clients"\n${wiki}`),
  ],
  "no-wildcard-without-gate": [
    pushOf(wiki.replace(/^email_domains = .*$/m, 'email_domains = ["*"]\nallowed_groups = ["readers"]')),
  ],
  "sent-text-shown": [
    resource(command, "wiki-edge-1", { environment: pinned, ...shownOnce("text\n") }),
    resource(command, "wiki-edge-2", { environment: pinned, ...shownOnce("text\n", "wiki-edge-1") }),
  ],
  "no-secret-as-id": [resource(random("RandomPassword"), "cookie", { result: "cookie-secret" })],
  "no-secret-in-the-clear": [
    resource(password, "wiki-client-secret-1", withEnd),
    pushOf(wiki, { stdin: '{"clientSecret":"client-secret"}' }),
  ],
  "one-site-one-registration": [
    registration("one", callback),
    registration("other", "https://code.example.com/oauth2/callback"),
  ],
};

test.each(Object.entries(passing))("%s lets the closest right one pass", async (_, resources) => {
  expect(await said(...resources)).toEqual([]);
});

test("every rule has a case that it refuses, and one that it lets pass", () => {
  const names = rules.map(({ name }) => name).sort();
  expect([...new Set(refused.map(([, sentence]) => sentence.split(": ")[0]))].sort()).toEqual(names);
  expect(Object.keys(passing).sort()).toEqual(names);
});
