/**
 * The options of an oauth2-proxy, wherever they are written: its TOML file, flags, environment variables or "alpha
 * config". Names are those of the TOML file, https://oauth2-proxy.github.io/oauth2-proxy/configuration/overview
 */
import { parse, TomlError } from "smol-toml";

import { ConfigError } from "../../components/site/errors.ts";

/** One oauth2-proxy. */
export interface Oauth2ProxyOptions {
  /** Where the options are from, for messages. */
  readonly where: string;
  /** By name; one that is not a list has one value. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** Names of options whose values are elsewhere: in a secret, or in a variable of a template. */
  readonly elsewhere: readonly string[];
  /** The version that a container's image says, for example `7.6.0`. */
  readonly version?: string;
}

/** Options whose flag is another than their name in the file; the rest of the names differ in `-` and `_` only. */
const plural = new Set(
  `upstream email_domain whitelist_domain cookie_domain allowed_group allowed_role skip_auth_route api_route
  trusted_ip trusted_proxy_ip google_group gitlab_group gitlab_project keycloak_group extra_jwt_issuer
  oidc_extra_audience entra_id_allowed_tenant`.split(/\s+/),
);

/** Lists, which are also written as one text with commas. */
const lists = new Set([...[...plural].map((it) => `${it}s`), "skip_auth_regex", "oidc_extra_audiences"]);

function optionName(written: string): string {
  const name = written.toLowerCase().replaceAll("-", "_");
  return plural.has(name) ? `${name}s` : name;
}

/** Whether a text has a place for a value that something else fills in: `${DOMAIN}`, `$(DOMAIN)`, `{{ domain }}`. */
function isTemplate(text: string): boolean {
  return /\$\{?[A-Za-z_]|\$\(|\{\{|<[\w -]+>/.test(text);
}

/** Options as they are gathered; what is added later takes the place of what was there. */
export class GatheredOptions {
  readonly #values = new Map<string, readonly string[]>();
  readonly #elsewhere = new Set<string>();

  /** @param given undefined where the value is elsewhere */
  set(written: string, given: readonly string[] | undefined): void {
    const name = optionName(written);
    const values = given?.flatMap((it) => (lists.has(name) && given.length === 1 ? it.split(",") : [it]));
    this.#values.delete(name);
    this.#elsewhere.delete(name);
    if (values === undefined || values.some(isTemplate)) this.#elsewhere.add(name);
    else
      this.#values.set(
        name,
        values.map((it) => it.trim()).filter((it) => it !== ""),
      );
  }

  get isEmpty(): boolean {
    return this.#values.size + this.#elsewhere.size === 0;
  }

  options(where: string): Oauth2ProxyOptions {
    return { where, values: this.#values, elsewhere: [...this.#elsewhere] };
  }
}

/** @throws ConfigError if the text is not TOML */
export function addToml(options: GatheredOptions, text: string, file: string): void {
  let table: Record<string, unknown>;
  try {
    table = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [what = ""] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
    throw new ConfigError(file, [{ where: `line ${error.line}`, what: `is not valid TOML: ${what}` }]);
  }
  for (const [name, value] of Object.entries(table)) options.set(name, textsOf(value));
}

function textsOf(value: unknown): string[] {
  return (Array.isArray(value) ? (value as unknown[]) : [value]).map(textOf);
}

/** A value of YAML or TOML as a text; empty for a table or list. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

/** Words of a command line, those of oauth2-proxy only. A flag that is repeated is a list. */
export function addFlags(options: GatheredOptions, words: readonly string[]): void {
  const given = new Map<string, string[]>();
  for (let at = 0; at < words.length; at += 1) {
    const [, name, , value] = /^--?([a-zA-Z][\w-]*)(=(.*))?$/s.exec(words[at] ?? "") ?? [];
    if (name === undefined) continue;
    const next = words[at + 1];
    const follows = value === undefined && next !== undefined && !next.startsWith("-");
    if (follows) at += 1;
    const key = optionName(name);
    given.set(key, [...(given.get(key) ?? []), value ?? (follows ? next : "true")]);
  }
  for (const [name, values] of given) options.set(name, values.map(withoutQuotes));
}

/** @param value undefined where it is elsewhere */
export function addVariable(options: GatheredOptions, name: string, value: string | undefined): void {
  const [, option] = /^OAUTH2_PROXY_(\w+)$/.exec(name) ?? [];
  if (option !== undefined) options.set(option, value === undefined ? undefined : [withoutQuotes(value)]);
}

function withoutQuotes(text: string): string {
  return text.replace(/^(["'])(.*)\1$/s, "$2");
}

/** Words as a shell or systemd splits them. */
export function wordsOf(line: string): string[] {
  const words =
    line.replaceAll(/\\\r?\n/g, " ").match(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/gs) ?? [];
  return words.map((it) =>
    it.replaceAll(
      /"((?:\\.|[^"\\])*)"|'([^']*)'/gs,
      (_, double?: string, single?: string) => single ?? (double ?? "").replaceAll(/\\(["\\$`])/g, "$1"),
    ),
  );
}

/** A table of TOML or YAML, such as a Kubernetes object. */
export type Table = Readonly<Record<string, unknown>>;

/** Members of "alpha config", each with the option that it is. Others are read by {@link addAlpha}. */
const alphaMembers: Readonly<Record<string, string>> = {
  clientID: "client_id",
  clientSecret: "client_secret",
  clientSecretFile: "client_secret_file",
  provider: "provider",
  scope: "scope",
  allowedGroups: "allowed_groups",
  code_challenge_method: "code_challenge_method",
  loginURL: "login_url",
  redeemURL: "redeem_url",
  profileURL: "profile_url",
  validateURL: "validate_url",
  name: "provider_display_name",
  id: "provider_display_name",
  "oidcConfig.issuerURL": "oidc_issuer_url",
  "oidcConfig.jwksURL": "oidc_jwks_url",
  "oidcConfig.emailClaim": "oidc_email_claim",
  "oidcConfig.groupsClaim": "oidc_groups_claim",
  "oidcConfig.userIDClaim": "user_id_claim",
  "oidcConfig.audienceClaims": "oidc_audience_claims",
  "oidcConfig.skipDiscovery": "skip_oidc_discovery",
  "oidcConfig.insecureSkipNonce": "insecure_oidc_skip_nonce",
  "oidcConfig.insecureAllowUnverifiedEmail": "insecure_oidc_allow_unverified_email",
  "oidcConfig.insecureSkipIssuerVerification": "insecure_oidc_skip_issuer_verification",
  "azureConfig.tenant": "azure_tenant",
  "microsoftEntraIDConfig.allowedTenants": "entra_id_allowed_tenants",
};

/** https://oauth2-proxy.github.io/oauth2-proxy/configuration/alpha-config */
export function addAlpha(options: GatheredOptions, { providers, upstreamConfig, upstreams }: Table): void {
  const [provider, ...others] = (Array.isArray(providers) ? providers : []) as Table[];
  if (others.length > 0) options.set("alpha_config_of_several_providers", ["true"]);
  for (const [name, value] of membersOf(provider ?? {}))
    options.set(alphaMembers[name] ?? `alpha_${name}`, textsOf(value));
  const list = (isTable(upstreamConfig) ? upstreamConfig["upstreams"] : upstreams) ?? [];
  const found = ((Array.isArray(list) ? list : []) as Table[]).map(alphaUpstream);
  if (found.length > 0) options.set("upstreams", found);
}

/** As the TOML file has it: the path is that of the URL. */
function alphaUpstream({ path = "/", uri, rewriteTarget, static: isStatic }: Table): string {
  if (isStatic === true) return "static://200";
  const plain = textOf(uri).replace(/\/$/, "");
  if (rewriteTarget !== undefined || /^[\^]|[()$]/.test(textOf(path)) || typeof uri !== "string")
    return `${plain} with a rewritten path`;
  return `${plain}${textOf(path)}`;
}

/** Members of a table, those of tables within as `outer.inner`. */
function membersOf(table: Table): [name: string, value: unknown][] {
  return Object.entries(table).flatMap(([name, value]): [string, unknown][] =>
    isTable(value)
      ? membersOf(value).map(([inner, it]): [string, unknown] => [`${name}.${inner}`, it])
      : [[name, value]],
  );
}

export function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
