/** The token endpoint: Entra's judgement of clients and its tokens around the library's handling of codes and refreshes. */
import type { KoaContextWithOIDC } from "oidc-provider";

import type { Subject } from "./claims.ts";
import { errorOf, obstacleOf } from "./conditions.ts";
import { type Code, EntraError, errorParameters } from "./errors.ts";
import { principalOf, registrationOf, roleNames, userById } from "./membership.ts";
import type { Tenant } from "./model.ts";
import { note } from "./request-log.ts";
import { readDefaultScope, readScope, type Wish } from "./scopes.ts";
import { judgeSecret } from "./secrets.ts";
import { applicationToken, delegatedToken, idToken } from "./tokens.ts";

/** Where a grant keeps the scope that was asked for; the library only knows `openid`. */
export const grantResource = "urn:entra:scope";

/** Whether the client knows its secret. @throws EntraError 7000215 or 7000222 */
export function checkSecret(tenant: Tenant, clientId: string, secret: string): true {
  const registration = registrationOf(tenant, clientId);
  const judgement = registration === undefined ? "invalid" : judgeSecret(registration, secret);
  if (judgement === "expired") throw new EntraError(7000222, [clientId]);
  if (judgement === "invalid") throw new EntraError(7000215, [clientId]);
  return true;
}

/** What a person's tokens are about. */
export function subjectOf(tenant: Tenant, clientId: string, userId: string): Subject {
  const registration = registrationOf(tenant, clientId);
  const principal = principalOf(tenant, clientId);
  const user = userById(tenant, userId);
  if (registration === undefined || principal === undefined)
    throw new EntraError(700016, [clientId, tenant.tenantId]);
  if (user === undefined) throw new EntraError(50034, [userId, tenant.tenantId]);
  return { tenant, application: registration.application, principal, user };
}

/** The wish that a grant was given for, or the narrower or other one of a refresh. */
export function wishOf(tenant: Tenant, ctx: KoaContextWithOIDC): Wish {
  const { Client: client, Grant: grant } = ctx.oidc.entities;
  const registration = registrationOf(tenant, client?.clientId ?? "");
  if (registration === undefined || grant === undefined)
    throw new EntraError(9002313, [], { error: "invalid_grant" });
  const asked = (ctx.state as TokenState).scope;
  return readScope(tenant, registration, asked ?? grant.getResourceScope(grantResource));
}

/** What the steps of one token request tell each other. */
export interface TokenState {
  /** The `scope` of the request, which the library must not see. */
  scope?: string;
  /** Why the library refused. */
  failure?: Error;
}

/** Looks again whether the tenant lets the person in. @throws EntraError */
export function checkObstacles(tenant: Tenant, ctx: KoaContextWithOIDC, userId: string): void {
  const subject = subjectOf(tenant, ctx.oidc.client?.clientId ?? "", userId);
  const source = sourceOf(ctx);
  const obstacle = obstacleOf(subject, wishOf(tenant, ctx), {
    amr: source.amr ?? [],
    authTime: source.authTime ?? 0,
  });
  if (obstacle !== undefined) throw errorOf(obstacle, subject);
  const isRenewal = ctx.oidc.entities.RefreshToken !== undefined;
  if (isRenewal && tenant.behaviour.interactionRequired.includes(subject.user.key))
    throw new EntraError(50076, [subject.application.appId], { error: "interaction_required" });
}

/** Puts Entra's tokens in place of the library's. */
export async function answerWithTokens(tenant: Tenant, ctx: KoaContextWithOIDC): Promise<void> {
  const source = sourceOf(ctx);
  const subject = subjectOf(tenant, ctx.oidc.client?.clientId ?? "", source.accountId ?? "");
  const wish = wishOf(tenant, ctx);
  const signIn = { authTime: source.authTime, amr: source.amr, sid: source.sessionUid, nonce: source.nonce };
  const access = await delegatedToken(subject, wish, signIn);
  const { refresh_token: refreshToken } = ctx.body as { readonly refresh_token?: string };
  ctx.body = {
    token_type: "Bearer",
    scope: access.scope,
    expires_in: access.expiresIn,
    ext_expires_in: access.expiresIn,
    access_token: access.value,
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    ...(wish.openid.has("openid") ? { id_token: await idToken(subject, wish, signIn) } : {}),
  };
}

/** The code or the refresh token that the request came with: both remember the sign-in. */
function sourceOf(ctx: KoaContextWithOIDC) {
  const { AuthorizationCode: code, RefreshToken: refresh } = ctx.oidc.entities;
  const source = code ?? refresh;
  if (source === undefined) throw new EntraError(9002313, [], { error: "invalid_grant" });
  return source;
}

/** grant_type=client_credentials. @throws EntraError */
export async function answerClientCredentials(tenant: Tenant, ctx: KoaContextWithOIDC): Promise<void> {
  const clientId = ctx.oidc.client?.clientId ?? "";
  const registration = registrationOf(tenant, clientId);
  const principal = principalOf(tenant, clientId);
  if (registration === undefined) throw new EntraError(700016, [clientId, tenant.tenantId]);
  const { appId, displayName } = registration.application;
  if (principal === undefined) throw new EntraError(7000229, [appId, tenant.tenantId]);
  if (!principal.servicePrincipal.accountEnabled) throw new EntraError(7000112, [appId, displayName]);
  const resource = readDefaultScope(tenant, (ctx.state as TokenState).scope ?? "");
  const { id, appRoleAssignmentRequired } = resource.servicePrincipal;
  const assignments = tenant.appRoleAssignments.filter(
    ({ principalId, resourceId }) => principalId === principal.servicePrincipal.id && resourceId === id,
  );
  if (appRoleAssignmentRequired && assignments.length === 0) {
    const { appId: resourceAppId, displayName: resourceName } = resource.servicePrincipal;
    throw new EntraError(501051, [appId, displayName, resourceAppId, resourceName]);
  }
  const access = await applicationToken(
    tenant,
    registration,
    principal,
    resource,
    roleNames(resource, assignments),
  );
  ctx.body = {
    token_type: "Bearer",
    expires_in: access.expiresIn,
    ext_expires_in: access.expiresIn,
    access_token: access.value,
  };
}

/** Puts Entra's error in place of the library's. */
export function answerWithError(tenant: Tenant, ctx: KoaContextWithOIDC): void {
  const { failure } = ctx.state as TokenState;
  const error = failure instanceof EntraError ? failure : translated(tenant, ctx, failure);
  if (error === undefined) return;
  note(ctx.req, { error: error.code });
  ctx.status = error.details.status;
  ctx.type = "json";
  ctx.body = errorParameters(error);
}

/** What the library says of a request, in the words of its version, and Entra's number for it. */
const numbers: readonly (readonly [words: RegExp, code: Code])[] = [
  [/authorization code is expired/, 70008],
  [/refresh token is expired/, 700082],
  [/authorization code already consumed/, 54005],
  [/redirect_uri mismatch/, 500112],
  [/code_verifier/, 501481],
  [/client not found/, 700016],
  [/mechanism does not match/, 7000218],
  [/missing required parameter|no client authentication mechanism/, 900144],
];

function translated(
  tenant: Tenant,
  ctx: KoaContextWithOIDC,
  failure: Error | undefined,
): EntraError | undefined {
  if (failure === undefined) return undefined;
  const {
    error_detail: detail,
    error_description: description,
    cause,
    error,
  } = failure as Error & {
    readonly error?: string;
    readonly error_detail?: string;
    readonly error_description?: string;
  };
  const words = [detail, description, cause instanceof Error ? cause.message : undefined].join(" ");
  const parameters = (ctx.oidc.params ?? {}) as Readonly<Record<string, string | undefined>>;
  const code = numbers.find(([known]) => known.test(words))?.[1];
  switch (code) {
    case 900144:
      return new EntraError(code, [/'(\w+)'/.exec(words)?.[1] ?? "client_id"]);
    case 700016:
      return new EntraError(code, [parameters["client_id"] ?? "", tenant.tenantId]);
    case 500112:
      return new EntraError(code, [
        parameters["redirect_uri"] ?? "",
        ctx.oidc.authorizationCode?.redirectUri ?? "",
      ]);
    case undefined:
      if (error === "unsupported_grant_type") return new EntraError(70003, [parameters["grant_type"] ?? ""]);
      // A verifier without a challenge: the library stumbles over comparing it with nothing.
      if (error === "invalid_grant" && cause !== undefined) return new EntraError(501481);
      return error === "invalid_grant" ? new EntraError(9002313, [], { error }) : new EntraError(9002313);
    default:
      return new EntraError(code, [new Date().toISOString()]);
  }
}
