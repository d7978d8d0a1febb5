/** A site's `oauth2-proxy.cfg`: whom it lets in. */
import { parse } from "smol-toml";

import { CannotJudge, type Rule } from "../../components/nginx/cannot-judge.ts";
import { brokenPromises } from "../../components/render/oauth2-proxy-settings.ts";
import { defaultProxyPrefix } from "../../components/site/names.ts";
import { tenantEndpoints } from "../../components/site/tenant.ts";
import type { Needs, Place } from "./needs.ts";

/** The file, read. */
export class Oauth2ProxyReading {
  readonly #lines: readonly string[];
  readonly #cfg: Readonly<Record<string, unknown>>;
  readonly #programs: readonly string[];

  /**
   * @param programs the text of `authenticated_emails_file`
   * @throws CannotJudge if the file is not as the renderer promises
   */
  constructor(text: string, programs: string, tenantId: string) {
    this.#lines = text.split("\n");
    this.#cfg = parse(text);
    this.#programs = programs.split("\n").filter((it) => it !== "" && !it.startsWith("#"));
    this.#check(tenantId);
  }

  /** The path prefix of the sign-in. */
  get proxyPrefix(): string {
    const prefix = this.#cfg["proxy_prefix"];
    return typeof prefix === "string" ? prefix : defaultProxyPrefix;
  }

  /** Roles or groups of which everybody needs one, as they are in the file. */
  get allowed(): readonly string[] {
    return strings(this.#cfg["allowed_groups"]);
  }

  /** Whether those are roles. */
  get ofRoles(): boolean {
    return this.#cfg["oidc_groups_claim"] === "roles";
  }

  /** What everybody needs, whatever a location requires, and the lines that say so. */
  needs(): { readonly needs: Needs; readonly places: readonly Place[] } {
    const everywhere = this.asGroups(this.allowed);
    const emailDomains = strings(this.#cfg["email_domains"]);
    const groups = everywhere.length > 0 ? [everywhere] : [];
    return {
      needs: { emailDomains, programs: this.#programs, groups },
      places: [...groups.map(() => this.#place("allowed_groups")), this.#place("email_domains")],
    };
  }

  /** What this site's tokens contain: groups, or, if configured, the roles of its registration. */
  asGroups(values: readonly string[]): string[] {
    const given = this.#cfg["oidc_groups_claim"];
    const claim = typeof given === "string" ? given : "groups";
    return values.map((it) =>
      claim === "groups" ? it : claim === "roles" ? `role ${it}` : `${claim} ${it}`,
    );
  }

  /** The file must have what the renderer promises, and nothing unknown. */
  #check(tenantId: string): void {
    const refuse = (rule: Rule, key: string, problem: string) => {
      throw new CannotJudge(rule, `oauth2-proxy.cfg line ${this.#line(key)}: ${key} ${problem}`);
    };
    for (const { key, problem } of brokenPromises(this.#cfg)) refuse("unknown-option", key, problem);
    const { issuer, authorize, token, keys } = tenantEndpoints(tenantId);
    const endpoints = {
      oidc_issuer_url: issuer,
      login_url: authorize,
      redeem_url: token,
      oidc_jwks_url: keys,
    };
    for (const [key, expected] of Object.entries(endpoints)) {
      if (this.#cfg[key] !== expected)
        refuse("other-tenant", key, `must be "${expected}", got ${JSON.stringify(this.#cfg[key])}`);
    }
    // Without a required role, every application of the tenant gets a token that passes.
    const tokensNeedARole = this.ofRoles && this.allowed.length > 0;
    if (this.#cfg["skip_jwt_bearer_tokens"] === true && !tokensNeedARole)
      refuse("token-without-role", "skip_jwt_bearer_tokens", "requires allowed_groups with roles");
  }

  #line(key: string): number {
    return this.#lines.findIndex((it) => it.startsWith(`${key} =`)) + 1;
  }

  #place(key: string): Place {
    const line = this.#line(key);
    return { file: "oauth2-proxy.cfg", line, text: this.#lines[line - 1] ?? `${key} is not set` };
  }
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((it) => typeof it === "string") : [];
}
