/** What a site is: the model, its defaults and its checks. Pure: no Pulumi, no I/O, no clock. */
import { z } from "zod";

import * as checks from "./checks.ts";
import { ConfigError } from "./errors.ts";
import { defaultProxyPrefix, paths } from "./names.ts";
import { accessRules } from "./rules/access.ts";
import { backendRules } from "./rules/backends.ts";
import { pathRules } from "./rules/paths.ts";
import { certificateRules, metricsPortOf, portRules } from "./rules/places.ts";
import { sessionRules } from "./rules/sessions.ts";
import { tokenRules } from "./rules/tokens.ts";
import { sessionDefaults } from "./session-store.ts";
import type { SiteSettings } from "./settings.ts";
import { type Identity, type ShapedSettings, siteShape } from "./shape.ts";

/** The shape of {@link SiteSettings}; also the source of the JSON Schema for editors. */
export const siteSchema = z
  .strictObject(siteShape, {
    error: checks.expected("a site's settings (domain, port, upstream, emailDomains, …)"),
  })
  .check(
    ...portRules,
    ...accessRules,
    ...pathRules,
    ...tokenRules,
    ...backendRules,
    ...certificateRules,
    ...sessionRules,
  );

/**
 * A validated site: code that gets one needs no checks. Created only by {@link siteFrom}. The groups that are allowed for
 * some time are among its `allowedGroups`, too.
 */
export interface Site extends ShapedSettings {
  readonly name: string;
  /** Empty only if guests may enter by a role or group. */
  readonly emailDomains: readonly string[];
  readonly metricsPort: number;
  readonly identityHeaders: readonly Identity[];
  readonly formerProxyPrefixes: readonly string[];
  readonly cookieExpire: string;
  /** Folder on the host with `fullchain.pem` and `privkey.pem`. */
  readonly certificates: string;
}

/** Fills the defaults that depend on other settings. */
export function withDefaults(name: string, checked: ShapedSettings): Site {
  const { cookieExpire, cookieRefresh } = sessionDefaults(checked.sessionStore);
  return {
    ...checked,
    name,
    cookieExpire: checked.cookieExpire ?? cookieExpire,
    cookieRefresh: checked.cookieRefresh ?? cookieRefresh,
    emailDomains: checked.emailDomains ?? [],
    allowedGroups: [...checked.allowedGroups, ...checked.temporaryGroups.map(({ group }) => group)],
    identityHeaders: checked.identityHeaders ?? [
      "user",
      "email",
      "preferredUsername",
      checked.roles.length > 0 ? "roles" : "groups",
    ],
    metricsPort: metricsPortOf(checked),
    formerProxyPrefixes:
      checked.formerProxyPrefixes ?? (checked.proxyPrefix === defaultProxyPrefix ? [] : [defaultProxyPrefix]),
    certificates: checked.certificates ?? certificateFolder(checked),
  };
}

function certificateFolder({ certificateFrom, domain }: ShapedSettings): string {
  if (certificateFrom === "internalCa") return `${paths(domain).credentials}/current`;
  return certificateFrom === "acme" ? `/etc/letsencrypt/live/${domain}` : `/data/certs/${domain}`;
}

/** What is wrong with a site's name, in words; nothing where it may be one. */
export function nameProblem(name: string): string | undefined {
  const { error } = checks.resourceName.safeParse(name);
  return error && `its name ${error.issues[0]?.message ?? "is not allowed"}`;
}

/**
 * Validates a single site. (An environment's sites are also validated against each other.)
 * @throws ConfigError with everything that is wrong
 */
export function siteFrom(name: string, settings: SiteSettings, source = "ProtectedSite"): Site {
  const where = `site "${name}"`;
  const at = (path: readonly PropertyKey[]) => ({ where, field: path.join(".") });
  const wrongName = nameProblem(name);
  const parsed = siteSchema.safeParse(settings);
  const problems = [
    ...(wrongName === undefined ? [] : [{ where, what: wrongName }]),
    ...(parsed.success ? [] : checks.problemsOf(siteSchema, parsed.error, at)),
  ];
  if (!parsed.success || problems.length > 0) throw new ConfigError(source, problems);
  return withDefaults(name, parsed.data);
}
