/** The server side of control.ts. */
import type { RequestListener } from "node:http";

import type { ApplicationSummary, Commands } from "./control.ts";
import { directoryDate } from "./dates.ts";
import { givePermissions, isDeployer, restorePeople, wellBehaved } from "./directory.ts";
import { readBody } from "./http.ts";
import { makeSigningKey } from "./keys.ts";
import type { Behaviour, Group, Registration, Tenant, User } from "./model.ts";
import type { RequestLog } from "./request-log.ts";
import type { SignInLog } from "./sign-in-log.ts";
import type { State } from "./state.ts";

/** What can be looked at and changed. */
export interface Controlled {
  readonly state: State;
  readonly requests: RequestLog;
  readonly signIns: SignInLog;
  /** Called when the behaviour is another. */
  readonly behaviourChanged: () => Promise<void>;
}

type Handlers = {
  readonly [C in keyof Commands]: (
    controlled: Controlled,
    args: Commands[C]["takes"],
  ) => Commands[C]["gives"] | Promise<Commands[C]["gives"]>;
};

const handlers: Handlers = {
  behave: async ({ state, behaviourChanged }, changes) => {
    const { behaviour } = state.tenant;
    const unknown = Object.keys(changes).find((name) => !(name in behaviour));
    if (unknown !== undefined) throw new Error(`no behaviour is called ${unknown}`);
    Object.assign(behaviour, changes satisfies Partial<Behaviour>);
    await behaviourChanged();
    return behaviour;
  },
  reset: async ({ state, requests, signIns, behaviourChanged }, { directory = false }) => {
    if (directory) await state.startOver();
    else restorePeople(state.tenant);
    state.tenant.behaviour = structuredClone(wellBehaved);
    requests.clear();
    signIns.clear();
    await behaviourChanged();
    return null;
  },
  requests: ({ requests }) => requests.requests,
  clearRequests: ({ requests, signIns }) => {
    requests.clear();
    signIns.clear();
    return null;
  },
  signIns: ({ signIns }) => signIns.entries,
  applications: ({ state: { tenant } }) =>
    tenant.registrations
      .filter((registration) => !isDeployer(registration))
      .map((registration) => summaryOf(tenant, registration)),
  expireSecret: ({ state: { tenant } }, { keyId }) => {
    const registration = tenant.registrations.find(({ secrets }) =>
      secrets.some((secret) => secret.keyId === keyId),
    );
    if (registration === undefined) throw new Error(`no application has the secret ${keyId}`);
    const endDateTime = directoryDate(new Date(Date.now() - 1000));
    registration.secrets = registration.secrets.map((secret) =>
      secret.keyId === keyId ? { ...secret, endDateTime } : secret,
    );
    return null;
  },
  setPermissions: ({ state: { tenant } }, { permissions }) => {
    givePermissions(tenant, permissions);
    return null;
  },
  setGroupMembers: ({ state: { tenant } }, { group, users }) => {
    groupOf(tenant, group).members = users.map((user) => userOf(tenant, user).id);
    return null;
  },
  setGroups: ({ state: { tenant } }, { user, groups }) => {
    const { id } = userOf(tenant, user);
    const wanted = new Set(groups.map((group) => groupOf(tenant, group)));
    for (const group of tenant.groups) {
      group.members = group.members.filter((member) => member !== id);
      if (wanted.has(group)) group.members.push(id);
    }
    return null;
  },
  setEnabled: ({ state: { tenant } }, { user, enabled }) => {
    userOf(tenant, user).accountEnabled = enabled;
    return null;
  },
  deleteUser: ({ state: { tenant } }, { user }) => {
    const found = userOf(tenant, user);
    tenant.users = tenant.users.filter((it) => it !== found);
    tenant.deletedUsers.push(found);
    return null;
  },
  restoreUser: ({ state: { tenant } }, { user }) => {
    const found = userOf({ users: tenant.deletedUsers }, user);
    tenant.deletedUsers = tenant.deletedUsers.filter((it) => it !== found);
    tenant.users.push(found);
    return null;
  },
  renameUser: ({ state: { tenant } }, { user, name }) => {
    const found = userOf(tenant, user);
    const renamed = { ...found, userPrincipalName: name, signInName: name };
    tenant.users = tenant.users.map((it) => (it === found ? renamed : it));
    return null;
  },
  revokeSessions: ({ state: { tenant } }, { user }) => {
    userOf(tenant, user).validFrom = Date.now();
    return null;
  },
  ageSignIns: async ({ state }, { user, hours }) => {
    const { id } = userOf(state.tenant, user);
    const back = (time: unknown) => (typeof time === "number" ? time - hours * 3600 : undefined);
    for (const [key, found] of Object.entries(state.tenant.oidc)) {
      const { accountId, loginTs, authTime } = found.payload;
      if (accountId !== id) continue;
      // Sessions at Entra have the first, codes and refresh tokens the second.
      const times = { loginTs: back(loginTs), authTime: back(authTime) };
      state.tenant.oidc[key] = { ...found, payload: { ...found.payload, ...times } };
    }
    await state.save();
    return null;
  },
  rollKeys: async ({ state: { tenant } }) => {
    tenant.signingKeys = [await makeSigningKey(), ...tenant.signingKeys];
    return null;
  },
};

/** Answers `POST /<command>`, the arguments as JSON. */
export function controlHandler(controlled: Controlled): RequestListener {
  return (request, response) => {
    void (async () => {
      const name = (request.url ?? "").slice(1);
      const handler = Object.hasOwn(handlers, name) ? handlers[name as keyof Commands] : undefined;
      let status = 200;
      let answer: unknown;
      try {
        const text = await readBody(request);
        if (handler === undefined || request.method !== "POST")
          throw new Error(`POST /<command> is taken, one of ${Object.keys(handlers).join(", ")}`);
        const args = (text === "" ? {} : JSON.parse(text)) as never;
        answer = await handler(controlled, args);
        await controlled.state.save();
      } catch (error) {
        status = 400;
        answer = { error: error instanceof Error ? error.message : String(error) };
      }
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(`${JSON.stringify(answer)}\n`);
    })();
  };
}

function userOf({ users }: Pick<Tenant, "users">, key: string): User {
  const found = users.find((user) => user.key === key || user.signInName === key);
  if (found === undefined)
    throw new Error(`no user is called ${key}; there are ${users.map((user) => user.key).join(", ")}`);
  return found;
}

function groupOf({ groups }: Tenant, name: string): Group {
  const found = groups.find(({ id, displayName }) => id === name || displayName === name);
  if (found === undefined) throw new Error(`no group is called ${name}`);
  return found;
}

function summaryOf(
  tenant: Tenant,
  { application, secrets, deletedDateTime }: Registration,
): ApplicationSummary {
  const principal = tenant.principals.find(
    ({ servicePrincipal }) => servicePrincipal.appId === application.appId,
  );
  const id = principal?.servicePrincipal.id ?? null;
  return {
    objectId: application.id,
    clientId: application.appId,
    displayName: application.displayName,
    deleted: deletedDateTime !== undefined,
    servicePrincipalId: id,
    secrets: secrets.map(({ keyId, displayName, startDateTime, endDateTime }) => ({
      keyId,
      displayName,
      startDateTime,
      endDateTime,
    })),
    assignments: tenant.appRoleAssignments.filter(({ resourceId }) => resourceId === id).length,
    consents: tenant.permissionGrants.filter(({ clientId }) => clientId === id).length,
  };
}
