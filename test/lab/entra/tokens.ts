/** Signs tokens as Entra makes them, and reads those for Graph again. */
import { createHash, randomBytes, randomUUID } from "node:crypto";

import { importJWK, jwtVerify, type JWK, SignJWT } from "jose";

import { membershipClaims, pairwise, personalClaims, type Subject } from "./claims.ts";
import type { Principal, Registration, SigningKey, Tenant, User } from "./model.ts";
import { graphAppId } from "./permissions.ts";
import { consented, type Wish } from "./scopes.ts";

type Claims = Record<string, unknown>;

/** The issuer of v2.0 tokens of a tenant. */
export const issuerOf = (tenantId: string) => `https://login.microsoftonline.com/${tenantId}/v2.0`;

/** A token of an access, and how long it holds. */
export interface AccessToken {
  readonly value: string;
  readonly expiresIn: number;
  /** What it allows, as the token endpoint tells. */
  readonly scope: string;
}

/** The sign-in that a token tells of. */
export interface SignIn {
  readonly nonce?: string | undefined;
  readonly sid?: string | undefined;
  readonly authTime?: number | undefined;
  readonly amr?: readonly string[] | undefined;
  /** Code, or access token, whose hash goes into a token that comes from the authorization endpoint. */
  readonly code?: string | undefined;
}

/** The ID token. */
export async function idToken(subject: Subject, wish: Wish, signIn: SignIn): Promise<string> {
  const { tenant, application } = subject;
  const { sid, authTime } = signIn;
  const claims = {
    ver: "2.0",
    aud: application.appId,
    iss: issuerOf(tenant.tenantId),
    ...personalClaims(subject, wish.openid, {
      ...(sid === undefined ? {} : { sid }),
      ...(authTime === undefined ? {} : { authTime }),
    }),
    ...(signIn.nonce === undefined ? {} : { nonce: signIn.nonce }),
    ...(signIn.code === undefined ? {} : { c_hash: halfHash(signIn.code) }),
  };
  return sign(tenant, currentKey(tenant), claims, lifetime(tenant));
}

/** The access token of a person's sign-in: for Graph, or for an API of the tenant's own. */
export async function delegatedToken(
  { tenant, application, principal, user }: Subject,
  wish: Wish,
  signIn: SignIn,
): Promise<AccessToken> {
  const { resource } = wish;
  const given = consented(tenant, principal, resource, user.id);
  const toGraph = resource.servicePrincipal.appId === graphAppId;
  // Entra tells of all that has been consented to, asked for or not; offline_access shows as the refresh token.
  const scopes = [...given].filter((value) => value !== "offline_access");
  const expiresIn = lifetime(tenant);
  const about = {
    oid: user.id,
    tid: tenant.tenantId,
    sub: pairwise(tenant, resource.servicePrincipal.appId, user.id),
    name: user.displayName,
    scp: scopes.join(" "),
    amr: signIn.amr ?? ["pwd"],
    ...(signIn.sid === undefined ? {} : { sid: signIn.sid }),
  };
  const value = toGraph
    ? await graphToken(tenant, { ...about, appid: application.appId, idtyp: "user", upn: user.signInName })
    : await sign(
        tenant,
        currentKey(tenant),
        {
          ...forOwnApi(tenant, resource, application.appId, user),
          ...about,
          ...membershipClaims({ tenant, application: apiOf(tenant, resource), principal: resource, user }),
        },
        expiresIn,
      );
  const names = toGraph ? scopes : scopes.map((name) => `${identifierOf(resource)}/${name}`);
  const openid = toGraph ? [] : [...wish.openid].filter((name) => name !== "offline_access");
  return { value, expiresIn, scope: [...openid, ...names].join(" ") };
}

/** The access token of an application itself. */
export async function applicationToken(
  tenant: Tenant,
  { application }: Registration,
  { servicePrincipal }: Principal,
  resource: Principal,
  roles: readonly string[],
): Promise<AccessToken> {
  const about = {
    oid: servicePrincipal.id,
    sub: servicePrincipal.id,
    tid: tenant.tenantId,
    idtyp: "app",
    ...(roles.length === 0 ? {} : { roles }),
  };
  const expiresIn = lifetime(tenant);
  const value =
    resource.servicePrincipal.appId === graphAppId
      ? await graphToken(tenant, {
          ...about,
          appid: application.appId,
          app_displayname: application.displayName,
        })
      : await sign(
          tenant,
          currentKey(tenant),
          { ...forOwnApi(tenant, resource, application.appId, undefined), ...about },
          expiresIn,
        );
  return { value, expiresIn, scope: "" };
}

/** The claims of a token that was made for Graph. @throws where it is another's, ended, or no token */
export async function readGraphToken(tenant: Tenant, token: string): Promise<Claims> {
  const key = await imported(`${tenant.graphKey.kid} public`, publicJwk(tenant.graphKey));
  const { payload } = await jwtVerify(token, key, {
    audience: "https://graph.microsoft.com",
    // The emulator's own clock is what Graph goes by, whatever the issuing half was told to think.
    clockTolerance: Math.abs(tenant.behaviour.clockSkewSeconds),
  });
  return payload;
}

/** Graph's tokens are of version 1.0 and signed so that nobody but Graph can check them. */
async function graphToken(tenant: Tenant, about: Claims): Promise<string> {
  const claims = {
    aud: "https://graph.microsoft.com",
    iss: `https://sts.windows.net/${tenant.tenantId}/`,
    ver: "1.0",
    appidacr: "1",
    ...about,
  };
  return sign(tenant, tenant.graphKey, claims, lifetime(tenant));
}

/** What a token for an API of one's own says of the API and the client; `null` asks for version 1.0. */
function forOwnApi(tenant: Tenant, resource: Principal, appId: string, user: User | undefined): Claims {
  const { api } = apiOf(tenant, resource);
  if (api.requestedAccessTokenVersion === 2)
    return {
      ver: "2.0",
      aud: resource.servicePrincipal.appId,
      iss: issuerOf(tenant.tenantId),
      azp: appId,
      azpacr: "1",
      ...(user === undefined ? {} : { preferred_username: user.signInName }),
    };
  return {
    ver: "1.0",
    aud: identifierOf(resource),
    iss: `https://sts.windows.net/${tenant.tenantId}/`,
    appid: appId,
    appidacr: "1",
    ...(user === undefined ? {} : { upn: user.signInName, unique_name: user.signInName }),
  };
}

function apiOf(tenant: Tenant, { servicePrincipal }: Principal) {
  const found = tenant.registrations.find(({ application }) => application.appId === servicePrincipal.appId);
  if (found === undefined) throw new Error(`no registration of ${servicePrincipal.displayName}`);
  return found.application;
}

function identifierOf({ servicePrincipal }: Principal): string {
  const names = (servicePrincipal["servicePrincipalNames"] ?? []) as string[];
  return names.find((name) => name.includes("://")) ?? servicePrincipal.appId;
}

/** Entra draws an access token's lifetime between 60 and 90 minutes; here it is always 60, like an ID token's. */
function lifetime({ behaviour }: Tenant): number {
  return behaviour.tokenLifetimeSeconds ?? 3600;
}

/** Issued five minutes before now, as Entra says, so that clocks may differ. */
async function sign(tenant: Tenant, key: SigningKey, claims: Claims, expiresIn: number): Promise<string> {
  const now = Math.floor(Date.now() / 1000) + tenant.behaviour.clockSkewSeconds;
  const issued = now - 300;
  const all = {
    ...claims,
    iat: issued,
    nbf: issued,
    exp: now + expiresIn,
    aio: randomBytes(48).toString("base64url"),
    rh: `1.${randomBytes(24).toString("base64url")}.`,
    uti: randomBytes(16).toString("base64url"),
  };
  return new SignJWT(all)
    .setProtectedHeader({
      typ: "JWT",
      alg: "RS256",
      kid: key.kid,
      ...(key === tenant.graphKey ? { nonce: randomUUID() } : {}),
    })
    .sign(await imported(key.kid, key.privateJwk));
}

const keys = new Map<string, ReturnType<typeof importJWK>>();

/** Reading a key costs more than using it. */
function imported(name: string, key: JWK): ReturnType<typeof importJWK> {
  const found = keys.get(name) ?? importJWK(key, "RS256");
  keys.set(name, found);
  return found;
}

function currentKey({ signingKeys }: Tenant): SigningKey {
  const [first] = signingKeys;
  if (first === undefined) throw new Error("the tenant's file has no signing key");
  return first;
}

function publicJwk({ privateJwk }: SigningKey): JWK {
  const { kty, n, e } = privateJwk as { readonly kty: string; readonly n: string; readonly e: string };
  return { kty, n, e };
}

function halfHash(text: string): string {
  return createHash("sha256").update(text).digest().subarray(0, 16).toString("base64url");
}
