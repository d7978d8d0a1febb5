/** Who is who in the tenant, and who belongs to what. */
import type { Group, Principal, Registration, Tenant, User } from "./model.ts";
import { defaultAccess } from "./permissions.ts";

/** The app registration with this client ID, unless it is deleted. */
export function registrationOf(tenant: Tenant, appId: string): Registration | undefined {
  return tenant.registrations.find(
    ({ application, deletedDateTime }) =>
      deletedDateTime === undefined && application.appId === appId.toLowerCase(),
  );
}

/** The service principal of this client ID. */
export function principalOf(tenant: Tenant, appId: string): Principal | undefined {
  return tenant.principals.find(({ servicePrincipal }) => servicePrincipal.appId === appId.toLowerCase());
}

/** A user by object ID. */
export function userById(tenant: Tenant, id: string): User | undefined {
  return tenant.users.find((user) => user.id === id);
}

/** A user by what is typed at the sign-in. */
export function userBySignInName(tenant: Tenant, name: string): User | undefined {
  const wanted = name.trim().toLowerCase();
  return tenant.users.find(
    ({ signInName, userPrincipalName }) =>
      signInName.toLowerCase() === wanted || userPrincipalName.toLowerCase() === wanted,
  );
}

/** The groups that have this user or group for a member. */
export function groupsOf(tenant: Tenant, memberId: string): Group[] {
  return tenant.groups.filter(({ members }) => members.includes(memberId));
}

/** The same, and the groups of those groups. */
export function allGroupsOf(tenant: Tenant, memberId: string): Group[] {
  const found = new Map<string, Group>();
  const visit = (id: string) => {
    for (const group of groupsOf(tenant, id)) {
      if (found.has(group.id)) continue;
      found.set(group.id, group);
      visit(group.id);
    }
  };
  visit(memberId);
  return [...found.values()];
}

/** The assignments of a service principal that reach a user: her own and those of her groups, nested ones not. */
export function assignmentsOf(tenant: Tenant, { servicePrincipal }: Principal, user: User) {
  const holders = new Set([user.id, ...groupsOf(tenant, user.id).map(({ id }) => id)]);
  return tenant.appRoleAssignments.filter(
    ({ resourceId, principalId }) => resourceId === servicePrincipal.id && holders.has(principalId),
  );
}

/** The names of the roles that a holder has of a resource. */
export function roleNames(
  { servicePrincipal }: Principal,
  assignments: readonly { readonly appRoleId: string }[],
): string[] {
  const held = new Set(assignments.map(({ appRoleId }) => appRoleId));
  held.delete(defaultAccess);
  return servicePrincipal.appRoles.flatMap(({ id, value, isEnabled }) =>
    held.has(id) && isEnabled && value !== null ? [value] : [],
  );
}
