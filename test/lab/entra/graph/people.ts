/** Groups and users, and what a person's own token tells: /me, /oidc/userinfo. */
import { pairwise } from "../claims.ts";
import { allGroupsOf, groupsOf } from "../membership.ts";
import type { Group, User } from "../model.ts";
import { without } from "../objects.ts";
import { type GraphCall, require, type Route } from "./call.ts";
import { denied, notThere } from "./errors.ts";
import { list, one } from "./odata.ts";

const id = "([0-9a-fA-F-]{36})";
const groupReaders = ["GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"];
/** Application permissions that are enough to read users. */
export const userReaders = ["User.Read.All", "Directory.Read.All"];

/** The calls. */
export const peopleRoutes: readonly Route[] = [
  [
    "GET",
    /^\/groups$/,
    (call) => {
      require(call, ...groupReaders);
      return list(call, call.tenant.groups.map(shownGroup));
    },
  ],
  [
    "GET",
    new RegExp(`^/groups/${id}$`),
    (call, groupId) => {
      require(call, ...groupReaders);
      return one(call, shownGroup(findGroup(call, groupId)));
    },
  ],
  [
    "GET",
    new RegExp(`^/groups/${id}/(members|transitiveMembers)$`),
    (call, groupId, which) => {
      require(call, ...groupReaders);
      const group = findGroup(call, groupId);
      return list(call, members(call, which === "members" ? group.members : allMembers(call, group)));
    },
  ],
  [
    "GET",
    new RegExp(`^/groups/${id}/owners$`),
    (call, groupId) => {
      require(call, ...groupReaders);
      findGroup(call, groupId);
      return list(call, []);
    },
  ],
  [
    "GET",
    /^\/users$/,
    (call) => {
      require(call, ...userReaders);
      return list(call, call.tenant.users.map(shownUser));
    },
  ],
  [
    "GET",
    /^\/users\/([^/]+)$/,
    (call, name = "") => {
      require(call, ...userReaders);
      return one(call, shownUser(findUser(call, name)));
    },
  ],
  [
    "GET",
    /^\/users\/([^/]+)\/manager$/,
    (call, name = "") => {
      require(call, ...userReaders);
      findUser(call, name);
      // Nobody here has one.
      throw notThere("manager");
    },
  ],
  [
    "GET",
    /^\/me$/,
    (call) => {
      require(call, "User.Read");
      return one(call, shownUser(me(call)));
    },
  ],
  [
    "GET",
    /^\/me\/(memberOf|transitiveMemberOf)(?:\/microsoft\.graph\.group)?$/,
    (call, which) => {
      require(call, "User.Read", "GroupMember.Read.All");
      const { id: userId } = me(call);
      const found = which === "memberOf" ? groupsOf(call.tenant, userId) : allGroupsOf(call.tenant, userId);
      return list(
        call,
        found.map((group) => ({ "@odata.type": "#microsoft.graph.group", ...shownGroup(group) })),
      );
    },
  ],
];

/** What /oidc/userinfo tells: of Entra's claims only these. */
export function userinfo(call: GraphCall): Readonly<Record<string, unknown>> {
  const { displayName, givenName, surname, mail, id: userId } = me(call);
  const { permissions } = call.caller;
  return {
    sub: pairwise(call.tenant, call.caller.appId, userId),
    ...(permissions.has("profile") ? { name: displayName, family_name: surname, given_name: givenName } : {}),
    picture: "https://graph.microsoft.com/v1.0/me/photo/$value",
    ...(permissions.has("email") && mail !== null ? { email: mail } : {}),
  };
}

function me({ tenant, caller }: GraphCall): User {
  const user = tenant.users.find((one_) => one_.id === caller.id);
  if (caller.kind !== "user" || user === undefined) throw denied();
  return user;
}

function findUser({ tenant }: GraphCall, name: string): User {
  const wanted = decodeURIComponent(name).toLowerCase();
  const found = tenant.users.find(
    (one_) => one_.id === wanted || one_.userPrincipalName.toLowerCase() === wanted,
  );
  if (found === undefined) throw notThere(name);
  return found;
}

function findGroup({ tenant }: GraphCall, groupId = ""): Group {
  const found = tenant.groups.find((one_) => one_.id === groupId.toLowerCase());
  if (found === undefined) throw notThere(groupId);
  return found;
}

function shownGroup(group: Group): Readonly<Record<string, unknown>> {
  return {
    ...without({ ...group }, "members"),
    mail: null,
    groupTypes: [],
    visibility: null,
    isAssignableToRole: null,
  };
}

/** A user as Graph shows it where nothing else is selected. */
export function shownUser(user: User): Readonly<Record<string, unknown>> {
  const {
    id: userId,
    displayName,
    givenName,
    surname,
    mail,
    userPrincipalName,
    userType,
    accountEnabled,
    key,
  } = user;
  return {
    id: userId,
    displayName,
    givenName,
    surname,
    mail,
    mailNickname: key,
    userPrincipalName,
    userType,
    accountEnabled,
  };
}

function members({ tenant }: GraphCall, ids: readonly string[]): Readonly<Record<string, unknown>>[] {
  return ids.flatMap((memberId) => {
    const user = tenant.users.find((one_) => one_.id === memberId);
    if (user !== undefined) return [{ "@odata.type": "#microsoft.graph.user", ...shownUser(user) }];
    const group = tenant.groups.find((one_) => one_.id === memberId);
    return group === undefined ? [] : [{ "@odata.type": "#microsoft.graph.group", ...shownGroup(group) }];
  });
}

function allMembers({ tenant }: GraphCall, group: Group): string[] {
  const found = new Set<string>();
  const visit = ({ members: direct }: Group) => {
    for (const memberId of direct) {
      if (found.has(memberId)) continue;
      found.add(memberId);
      const nested = tenant.groups.find((one_) => one_.id === memberId);
      if (nested !== undefined) visit(nested);
    }
  };
  visit(group);
  return [...found];
}
