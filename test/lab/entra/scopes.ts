/** What a `scope` asks for, and who has consented to it. */
import { EntraError } from "./errors.ts";
import { principalOf } from "./membership.ts";
import type { PermissionScope, Principal, Registration, Tenant } from "./model.ts";
import { graphAppId } from "./permissions.ts";

/** Scopes of OpenID Connect itself; Entra keeps them among Graph's permissions. */
const openidScopes = new Set(["openid", "profile", "email", "offline_access"]);

/** A `scope`, understood. */
export interface Wish {
  /** As it came. */
  readonly text: string;
  /** Of openid, profile, email, offline_access: those that are asked for. */
  readonly openid: ReadonlySet<string>;
  /** For whom the access token is; Graph unless something else is named. */
  readonly resource: Principal;
  /** Permissions of the resource, by value, without those of OpenID Connect. */
  readonly permissions: readonly string[];
  /** `<resource>/.default`: whatever has been consented to. */
  readonly everything: boolean;
}

/**
 * Reads a `scope` of a person's sign-in.
 * @throws EntraError 70011 for none, or for two resources; 650053 for a permission that the resource does not offer
 */
export function readScope(tenant: Tenant, { application }: Registration, text: string): Wish {
  const words = text.split(" ").filter(Boolean);
  if (words.length === 0) throw new EntraError(900144, ["scope"]);
  const openid = new Set(words.filter((word) => openidScopes.has(word)));
  const others = words.filter((word) => !openidScopes.has(word)).map((word) => readWord(tenant, word));
  const resource = others[0]?.resource ?? graphOf(tenant);
  if (others.some((other) => other.resource !== resource)) throw new EntraError(70011, [text]);
  const permissions = others.map(({ value }) => value);
  const everything = permissions.includes(".default");
  // Entra refuses `.default` beside single permissions.
  if (everything && permissions.length > 1) throw new EntraError(70011, [text]);
  const offered = new Set(resource.servicePrincipal.oauth2PermissionScopes.map(({ value }) => value));
  const unknown = permissions.find((value) => value !== ".default" && !offered.has(value));
  if (unknown !== undefined)
    throw new EntraError(650053, [application.displayName, unknown, resource.servicePrincipal.appId]);
  return { text, openid, resource, permissions: everything ? [] : permissions, everything };
}

/** The resource of a client's own sign-in. @throws EntraError 1002012 for anything but `<resource>/.default` */
export function readDefaultScope(tenant: Tenant, text: string): Principal {
  const [word, ...others] = text.split(" ").filter(Boolean);
  if (word === undefined) throw new EntraError(900144, ["scope"]);
  if (others.length > 0 || !word.endsWith("/.default")) throw new EntraError(1002012, [text]);
  return readWord(tenant, word).resource;
}

/** The scopes that nobody has consented to for this user. */
export function missingConsent(
  tenant: Tenant,
  client: Principal,
  userId: string,
  wish: Wish,
): PermissionScope[] {
  const missing = (resource: Principal, values: Iterable<string>) => {
    const given = consented(tenant, client, resource, userId);
    const wanted = [...values].filter((value) => !given.has(value));
    return resource.servicePrincipal.oauth2PermissionScopes.filter(({ value }) => wanted.includes(value));
  };
  return [...missing(graphOf(tenant), wish.openid), ...missing(wish.resource, wish.permissions)];
}

/** The permissions of a resource to which an administrator, or the user herself, has consented. */
export function consented(
  tenant: Tenant,
  client: Principal,
  resource: Principal,
  userId: string,
): Set<string> {
  const grants = tenant.permissionGrants.filter(
    ({ clientId, resourceId, consentType, principalId }) =>
      clientId === client.servicePrincipal.id &&
      resourceId === resource.servicePrincipal.id &&
      (consentType === "AllPrincipals" || principalId === userId),
  );
  return new Set(grants.flatMap(({ scope }) => scope.split(" ").filter(Boolean)));
}

/** Microsoft Graph in this tenant. */
export function graphOf(tenant: Tenant): Principal {
  const graph = principalOf(tenant, graphAppId);
  if (graph === undefined) throw new Error("the tenant's file has no service principal of Microsoft Graph");
  return graph;
}

/** A bare word is a permission of Graph; otherwise the resource comes before the last slash. */
function readWord(tenant: Tenant, word: string): { readonly resource: Principal; readonly value: string } {
  const slash = word.lastIndexOf("/");
  if (slash === -1) return { resource: graphOf(tenant), value: word };
  const name = word.slice(0, slash);
  const resource = tenant.principals.find(({ servicePrincipal }) =>
    ((servicePrincipal["servicePrincipalNames"] ?? []) as string[]).some(
      (known) => known === name || `${known}/` === name,
    ),
  );
  if (resource === undefined) throw new EntraError(70011, [word]);
  return { resource, value: word.slice(slash + 1) };
}
