/** The schema of each setting of a site by itself. For rules over several of them: rules/. */
import { z } from "zod";

import { adoptedRegistrationSchema } from "./adopted-registration.ts";
import * as checks from "./checks.ts";
import { clientSecretsSchema } from "./client-secrets.ts";
import { conditionalAccessSchema } from "./conditional-access.ts";
import { defaultProxyPrefix } from "./names.ts";
import { openPathSchema, pathRuleSchema } from "./path-access.ts";
import { pathUpstreamSchema } from "./path-upstreams.ts";
import { roleSchema } from "./roles.ts";
import { securityHeadersSchema } from "./security-headers.ts";
import { temporaryGroupSchema } from "./temporary-groups.ts";
import { redisSchema, sessionStoreSchema } from "./session-store.ts";
import type { SiteSettings } from "./settings.ts";

const identities = [
  "user",
  "email",
  "preferredUsername",
  "groups",
  "roles",
  "accessToken",
  "idToken",
] as const;

/** What a backend can get about the user; see {@link SiteSettings.identityHeaders}. */
export type Identity = (typeof identities)[number];

/** The CAs that a Debian host trusts. */
export const defaultCa = "/etc/ssl/certs/ca-certificates.crt";

/** The schema of each of {@link SiteSettings}; it does not compile if one is missing or unknown. */
export const siteShape = {
  domain: checks.siteDomain,
  port: checks.wholeNumber(1024, 65535),
  upstream: checks.upstreamUrl,
  backupUpstreams: checks.listOf(checks.upstreamUrl, "backends like upstream").default([]),
  upstreams: checks.listOf(pathUpstreamSchema, "paths and their backends").default([]),
  hostHeader: z.enum(["site", "upstream"], { error: checks.expected("site or upstream") }).default("site"),
  upstreamCa: checks.absolutePath.default(defaultCa),
  upstreamServerName: checks.domain.optional(),
  buffering: checks.flag.default(true),
  refuseHtFiles: checks.flag.default(true),
  emailDomains: checks
    .listOf(checks.domain, 'e-mail domains like "example.com"')
    .min(1, { error: checks.expected('a list with at least one e-mail domain like "example.com"') })
    .optional(),
  guests: checks.flag.default(false),
  roles: checks.listOf(roleSchema, "roles").default([]),
  allowedGroups: checks.listOf(checks.guid, "object IDs of groups").default([]),
  temporaryGroups: checks.listOf(temporaryGroupSchema, "groups that are allowed for some time").default([]),
  paths: checks.listOf(pathRuleSchema, "rules for paths").default([]),
  open: checks.listOf(openPathSchema, "open paths").default([]),
  conditionalAccess: conditionalAccessSchema.optional(),
  metricsPort: checks.wholeNumber(1024, 65535).optional(),
  identityHeaders: checks
    .listOf(
      z.enum(identities, { error: checks.expected(`one of ${identities.join(", ")}`) }),
      identities.join(", "),
    )
    .optional(),
  passAuthorization: checks.flag.default(false),
  accessTokenScope: checks.apiScope.optional(),
  proxyPrefix: checks.proxyPrefix.default(defaultProxyPrefix),
  formerProxyPrefixes: checks.listOf(checks.proxyPrefix, 'paths like "/oauth2"').optional(),
  sessionStore: sessionStoreSchema.default("cookie"),
  redis: redisSchema.optional(),
  cookieExpire: checks.duration.optional(),
  cookieRefresh: checks.duration.optional(),
  authCache: checks.durationUpTo(60, "since a session works that much longer after its end").optional(),
  signInRate: checks.rate.default("30r/s"),
  maintenance: checks.sentence.optional(),
  contact: checks.sentence.default("whoever looks after this site"),
  securityHeaders: securityHeadersSchema.prefault({}),
  clientMaxBodySize: checks.size.default("10m"),
  proxyBufferSize: checks.bufferSize.default("32k"),
  keepaliveTimeout: checks.duration.default("1s"),
  proxyReadTimeout: checks.duration.default("60s"),
  proxyConnectTimeout: checks.durationUpTo(75, "Nginx's own limit").default("10s"),
  proxySendTimeout: checks.duration.default("60s"),
  goMemLimit: checks.memory.optional(),
  clientSecrets: clientSecretsSchema.default([{ generation: 1 }]),
  cookieSecretGeneration: checks.wholeNumber(1, 100_000).default(1),
  cookieName: checks.sessionCookieName.optional(),
  owners: checks.listOf(checks.owner, 'users like "ada@example.com", or their object IDs').default([]),
  serviceManagementReference: checks.displayName.optional(),
  adoptedRegistration: adoptedRegistrationSchema.optional(),
  certificateFrom: z
    .enum(["files", "internalCa", "acme"], { error: checks.expected("files, internalCa or acme") })
    .default("files"),
  certificates: checks.absolutePath.optional(),
} satisfies Record<keyof SiteSettings, z.ZodType>;

/** A site's settings, each of which is valid by itself. */
export type ShapedSettings = checks.Checked<z.ZodObject<typeof siteShape>>;
