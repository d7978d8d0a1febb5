/** The plain-http API by which tests make Entra misbehave and look at what it saw; `control.ts` is its client. */
import type { IncomingMessage, ServerResponse } from "node:http";

import { goodBehaviour } from "./behaviour.ts";
import { applicationPermissions, wikiReaders } from "./directory.ts";
import type { Emulator } from "./emulator.ts";
import { readText, sendJson } from "./http-answer.ts";
import type { User } from "./state.ts";

/** A request that the control API cannot do. */
class Refused extends Error {}

/** Answers on the control port. */
export function controlListener(emulator: Emulator) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const path = decodeURIComponent((request.url ?? "/").split("?", 1)[0] ?? "/");
    readText(request)
      .then((text) => {
        const body: unknown = text === "" ? undefined : JSON.parse(text);
        sendJson(response, 200, answer(emulator, `${request.method ?? ""} ${path}`, body) ?? null);
      })
      .catch((error: unknown) => {
        sendJson(response, 400, { error: error instanceof Error ? error.message : String(error) });
      });
  };
}

function answer(emulator: Emulator, what: string, body: unknown): unknown {
  const { behaviour, requests, state, store } = emulator;
  switch (what) {
    case "GET /behaviour":
      return behaviour;
    case "PATCH /behaviour":
      return Object.assign(behaviour, checked(body));
    case "GET /requests":
      return requests;
    case "DELETE /requests":
      requests.length = 0;
      return null;
    case "GET /applications":
      return Object.values(state.applications).map(({ id, appId, displayName, passwordCredentials }) => ({
        ...{ id, appId, displayName },
        keyIds: passwordCredentials.map(({ keyId }) => keyId),
      }));
    case "PUT /deployer/permissions":
      state.deployerPermissions = body as string[];
      store.save();
      return null;
    case "POST /reset":
      reset(emulator);
      return null;
  }
  const [, method, name = "", action] = /^([A-Z]+) \/users\/([^/]+)(?:\/(\w+))?$/.exec(what) ?? [];
  const user = method === undefined ? undefined : emulator.userOf(name);
  if (user === undefined) throw new Refused(`there is no ${what}`);
  change(emulator, user, `${method ?? ""} ${action ?? ""}`, body);
  store.save();
  return null;
}

function change(emulator: Emulator, user: User, what: string, body: unknown): void {
  switch (what) {
    case "PUT enabled":
      user.accountEnabled = body === true;
      return;
    case "PUT groups":
      setGroups(emulator, user, body as string[]);
      return;
    case "POST revoke":
      // The next millisecond: what was issued in this one goes, too.
      user.sessionsValidFrom = Date.now() + 1;
      return;
    default:
      throw new Refused(`a user has no ${what}`);
  }
}

/** Groups that do not exist yet are made. */
function setGroups({ state }: Emulator, user: User, ids: readonly string[]): void {
  for (const group of Object.values(state.groups))
    group.members = group.members.filter((member) => member !== user.id);
  for (const id of ids)
    (state.groups[id] ??= {
      id,
      displayName: `group ${id}`,
      mailNickname: id,
      mailEnabled: false,
      securityEnabled: true,
      groupTypes: [],
      members: [],
    }).members.push(user.id);
}

function reset(emulator: Emulator): void {
  const { state, store } = emulator;
  Object.assign(emulator.behaviour, goodBehaviour);
  emulator.requests.length = 0;
  state.deployerPermissions = Object.keys(applicationPermissions);
  for (const secret of Object.values(state.secrets)) Object.assign(secret, { settledAt: 0 });
  for (const user of Object.values(state.users)) {
    user.accountEnabled = true;
    setGroups(emulator, user, user.signInName.startsWith("ada@") ? [wikiReaders] : []);
  }
  store.save();
}

function checked(body: unknown): object {
  if (typeof body !== "object" || body === null) throw new Refused("the behaviour is an object");
  const unknown = Object.keys(body).find((key) => !Object.hasOwn(goodBehaviour, key));
  if (unknown !== undefined)
    throw new Refused(`the behaviour has no ${unknown}, only ${Object.keys(goodBehaviour).join(", ")}`);
  return body;
}
