/** Whom Entra lets into which application, and what it tells the application about the person. */
import { createHash, randomBytes } from "node:crypto";

import type { JWTPayload } from "jose";

import { applicationPermissions, delegatedPermissions, graphAppId, tenantId } from "./directory.ts";
import type { Emulator } from "./emulator.ts";
import { EntraError } from "./errors.ts";
import type { Application, User } from "./state.ts";
import { sign, type Ticket } from "./tokens.ts";

/** More groups than this do not fit into a token. */
const mostGroups = 200;

/** Seconds that an ID token holds. */
const idTokenLifetime = 3600;

const graphUrl = "https://graph.microsoft.com";

/**
 * The scopes of a request, Graph's without its address.
 * @throws EntraError where Graph has no such scope
 */
export function scopesOf(scope: string): string[] {
  const scopes = scope
    .split(/\s+/)
    .filter(Boolean)
    .map((one) => one.replace(`${graphUrl}/`, ""));
  const foreign = scopes.find((one) => one !== ".default" && !Object.hasOwn(delegatedPermissions, one));
  if (foreign !== undefined) throw new EntraError(650053, `Scope: '${foreign}'.`);
  return scopes;
}

/**
 * Whether a person may be signed in to an application with these scopes: enabled, assigned where that is required, and
 * with consent. Asked at each sign-in and at each refresh.
 * @throws EntraError
 */
export function admit(
  emulator: Emulator,
  application: Application,
  user: User,
  scopes: readonly string[],
): void {
  const { state } = emulator;
  if (!user.accountEnabled) throw new EntraError(50057);
  const principal = emulator.principalOf(application.appId);
  if (principal === undefined) throw new EntraError(700016, `Application: '${application.appId}'.`);
  if (principal["accountEnabled"] === false) throw new EntraError(7000112);
  if (
    principal["appRoleAssignmentRequired"] === true &&
    assignments(emulator, application, user).length === 0
  )
    throw new EntraError(
      50105,
      `The signed in user '${user.signInName}' is not assigned to a role for the application '${application.appId}' (${application.displayName}).`,
    );
  const graph = emulator.principalOf(graphAppId);
  const granted = Object.values(state.permissionGrants)
    .filter((one) => one.clientId === principal.id && one.resourceId === graph?.id)
    .filter((one) => one.consentType === "AllPrincipals" || one.principalId === user.id)
    .flatMap(({ scope }) => scope.split(" "));
  if (scopes.some((scope) => scope !== ".default" && !granted.includes(scope)))
    throw new EntraError(65001, `Application: '${application.appId}' named '${application.displayName}'.`);
}

/** What gives a person access: assignments to themselves, or to a group that they are a direct member of. */
function assignments(emulator: Emulator, application: Application, user: User) {
  const principal = emulator.principalOf(application.appId);
  return Object.values(emulator.state.appRoleAssignments)
    .filter(({ resourceId }) => resourceId === principal?.id)
    .filter(
      ({ principalId }) =>
        principalId === user.id || emulator.state.groups[principalId]?.members.includes(user.id) === true,
    );
}

/** What the token endpoint answers for a person. */
export async function personTokens(
  emulator: Emulator,
  application: Application,
  user: User,
  ticket: Ticket,
  scopes: readonly string[],
): Promise<Record<string, unknown>> {
  const lifetime = accessTokenLifetime(emulator);
  const granted = scopes.filter((scope) => scope !== "offline_access");
  const accessToken = await sign(
    emulator,
    {
      ver: "1.0",
      iss: `https://sts.windows.net/${tenantId}/`,
      aud: graphUrl,
      appid: application.appId,
      app_displayname: application.displayName,
      oid: user.id,
      tid: tenantId,
      name: user.displayName,
      scp: granted.join(" "),
      sid: ticket.sid,
      sub: pairwise("graph", user),
    },
    lifetime,
  );
  return {
    token_type: "Bearer",
    scope: granted.join(" "),
    expires_in: lifetime,
    ext_expires_in: lifetime,
    access_token: accessToken,
    ...(scopes.includes("openid")
      ? {
          id_token: await sign(
            emulator,
            idClaims(emulator, application, user, ticket, scopes),
            idTokenLifetime,
          ),
        }
      : {}),
  };
}

/** What the token endpoint answers for an application that speaks for itself. */
export async function applicationTokens(
  emulator: Emulator,
  application: Application,
  isDeployer: boolean,
): Promise<Record<string, unknown>> {
  const lifetime = accessTokenLifetime(emulator);
  const principal = emulator.principalOf(application.appId);
  const roles = isDeployer
    ? emulator.state.deployerPermissions
    : Object.values(emulator.state.appRoleAssignments)
        .filter(({ principalId }) => principalId === principal?.id)
        .flatMap(({ appRoleId }) =>
          Object.entries(applicationPermissions).flatMap(([role, id]) => (id === appRoleId ? [role] : [])),
        );
  const accessToken = await sign(
    emulator,
    {
      ver: "1.0",
      iss: `https://sts.windows.net/${tenantId}/`,
      aud: graphUrl,
      appid: application.appId,
      idtyp: "app",
      oid: principal?.id,
      sub: principal?.id ?? "",
      tid: tenantId,
      // Without any, the claim is left out.
      ...(roles.length === 0 ? {} : { roles }),
    },
    lifetime,
  );
  return { token_type: "Bearer", expires_in: lifetime, ext_expires_in: lifetime, access_token: accessToken };
}

/** Seconds; without a policy Entra draws them between 60 and 90 minutes. */
function accessTokenLifetime({ behaviour }: Emulator): number {
  return behaviour.accessTokenLifetime ?? 3600 + Math.floor(Math.random() * 1800);
}

function idClaims(
  emulator: Emulator,
  application: Application,
  user: User,
  ticket: Ticket,
  scopes: readonly string[],
): JWTPayload {
  const guest = user.userType === "Guest";
  const roles = rolesOf(emulator, application, user);
  return {
    aud: application.appId,
    iss: emulator.issuer,
    aio: randomBytes(24).toString("base64url"),
    rh: `1.${randomBytes(24).toString("base64url")}.`,
    sid: ticket.sid,
    sub: pairwise(application.appId, user),
    tid: tenantId,
    ver: "2.0",
    // A refreshed one repeats it.
    ...(ticket.nonce === undefined ? {} : { nonce: ticket.nonce }),
    ...(scopes.includes("profile")
      ? { name: user.displayName, preferred_username: user.signInName, oid: user.id }
      : {}),
    ...(user.mail !== null && (guest || scopes.includes("email")) ? { email: user.mail } : {}),
    ...(guest ? { idp: `https://sts.windows.net/${elsewhere}/` } : {}),
    ...groupClaims(emulator, application, user),
    ...(roles.length === 0 ? {} : { roles }),
  };
}

/** The tenant that guests come from. */
const elsewhere = "e15e0000-2222-4333-8444-555566667777";

/** Differs from application to application, and does not tell who it is. */
function pairwise(audience: string, { id }: User): string {
  return createHash("sha256").update(`${audience} ${id}`).digest("base64url");
}

function rolesOf(emulator: Emulator, application: Application, user: User): string[] {
  const values = new Map(
    ((application["appRoles"] ?? []) as { id: string; value?: string | null }[]).map(({ id, value }) => [
      id,
      value,
    ]),
  );
  return assignments(emulator, application, user).flatMap(({ appRoleId }) => values.get(appRoleId) ?? []);
}

function groupClaims(emulator: Emulator, application: Application, user: User): JWTPayload {
  const claims = application["groupMembershipClaims"];
  const kinds = typeof claims === "string" ? claims.split(/,\s*/) : [];
  const own = Object.values(emulator.state.groups).filter(({ members }) => members.includes(user.id));
  const assigned = new Set(assignments(emulator, application, user).map(({ principalId }) => principalId));
  let groups: string[] = [];
  if (kinds.includes("SecurityGroup") || kinds.includes("All")) groups = own.map(({ id }) => id);
  else if (kinds.includes("ApplicationGroup"))
    groups = own.map(({ id }) => id).filter((id) => assigned.has(id));
  if (groups.length > mostGroups)
    return {
      _claim_names: { groups: "src1" },
      _claim_sources: {
        src1: { endpoint: `https://graph.windows.net/${tenantId}/users/${user.id}/getMemberObjects` },
      },
    };
  return groups.length === 0 ? {} : { groups };
}
