/** The groups and people that sites name in roles and as owners, looked up in Entra. */
import * as azuread from "@pulumi/azuread";

import { isObjectId } from "../site/roles.ts";
import type { Site } from "../site/site.ts";
import { lookUp } from "./permissions.ts";

/** A group or a user that does not exist in Entra, or whose name is ambiguous. */
export interface MissingHolder {
  readonly kind: "group" | "user";
  readonly name: string;
  /** In words, as `does not exist`. */
  readonly why: string;
}

/** The result of the lookups. */
export interface Holders {
  /** Object IDs by the names that were found. */
  readonly ids: Readonly<Record<string, string>>;
  readonly missing: readonly MissingHolder[];
}

/**
 * Looks up everybody in the sites' roles and owners; each name once.
 * @throws Error that names the missing permission of the deployer, or with Entra's own error
 */
export async function lookUpHolders(sites: readonly Pick<Site, "roles" | "owners">[]): Promise<Holders> {
  const roles = sites.flatMap((site) => site.roles);
  const groups = new Set(roles.flatMap((role) => role.groups).filter((group) => !isObjectId(group)));
  const owners = sites.flatMap((site) => site.owners).filter((owner) => !isObjectId(owner));
  const users = new Set([...roles.flatMap((role) => role.users), ...owners]);
  const found = await Promise.all([
    ...[...groups].map((name) =>
      holder("group", name, "GroupMember.Read.All", () =>
        azuread.getGroup({ displayName: name, securityEnabled: true }),
      ),
    ),
    ...[...users].map((name) =>
      holder("user", name, "User.Read.All", () => azuread.getUser({ userPrincipalName: name })),
    ),
  ]);
  return {
    ids: Object.fromEntries(found.filter((it) => "id" in it).map(({ name, id }) => [name, id])),
    missing: found.filter((it) => "why" in it),
  };
}

async function holder(
  kind: MissingHolder["kind"],
  name: string,
  permission: string,
  ask: () => Promise<{ readonly objectId: string }>,
): Promise<MissingHolder | { readonly name: string; readonly id: string }> {
  try {
    const { objectId } = await lookUp(`${kind} "${name}"`, permission, ask());
    return { name, id: objectId };
  } catch (error) {
    // The provider's words, https://github.com/hashicorp/terraform-provider-azuread: group_data_source.go, user_data_source.go
    if (/More than one \w+ found/.test(String(error)))
      return { kind, name, why: "has an ambiguous name; use its object ID" };
    if (/No group found|User with UPN .* was not found/.test(String(error)))
      return { kind, name, why: "does not exist in the tenant" };
    throw error;
  }
}
