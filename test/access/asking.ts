/** Requests of everybody to sites before the real Nginx, and the backends that say who reached them. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { type Agent, request as ask } from "node:https";

import { cookieName } from "../../components/site/names.ts";
import type { Site } from "../../components/site/site.ts";
import { type GeneratedPerson, upnAt } from "../unit/review/generated-sites.ts";
import { cookieOf } from "./oauth2-proxy.ts";

/** A program, which comes with a token in place of a session. */
export interface Program {
  readonly program: string;
}

/** One request, and whether it reached the backend. */
export interface Asked {
  readonly person: GeneratedPerson | Program | undefined;
  readonly method: string;
  readonly target: string;
}

/** Where the generated sites have their backends: one of HTTP, and one of HTTP/2, as gRPC is. */
const backendPorts = { http: 3000, grpc: 3001 };
/** The one that Nginx shows in place of an answer whose status counts here. */
export const page = "bad-request.html";

/** Roles as Entra puts them into a token: those that it gives to the person, to one of their groups, or to the program. */
export function rolesOf({ roles }: Site, person: GeneratedPerson | Program): string[] {
  return roles
    .filter(({ groups, users, applications }) =>
      "program" in person
        ? applications.includes(person.program)
        : users.includes(upnAt(person.domain, person.name)) ||
          groups.some((it) => person.groups.includes(it)),
    )
    .map(({ value }) => value);
}

/** What stands in place of the UPN in a program's token is its object ID. */
export const upnOf = (person: GeneratedPerson | Program) =>
  "program" in person ? person.program : upnAt(person.domain, person.name);
export const groupsOf = (person: GeneratedPerson | Program) => ("program" in person ? [] : person.groups);

/** The header with which somebody is known: a cookie, or a program's token. */
export function knownBy(site: Site, person: GeneratedPerson | Program): Record<string, string> {
  const groups = site.roles.length > 0 ? rolesOf(site, person) : groupsOf(person);
  const session = cookieOf({ upn: upnOf(person), groups });
  return "program" in person
    ? { authorization: `Bearer header.${session}.signature` }
    : { cookie: `${cookieName(site)}=${session}` };
}

/** Asks Nginx. @returns the status, and where the backend got the request the roles that it was told */
export async function askNginx(agent: Agent, site: Site, { person, method, target }: Asked) {
  const session = person === undefined ? {} : knownBy(site, person);
  const outgoing = ask({
    agent,
    host: "127.0.0.1",
    servername: site.domain,
    path: target,
    method,
    headers: { host: site.domain, ...session, ...(method === "GET" ? {} : { "content-length": 0 }) },
    rejectUnauthorized: false,
  });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  const roles = response.headers["x-reached"];
  return { status: response.statusCode ?? 0, roles: roles === undefined ? undefined : String(roles) };
}

/** They tell who reached them in a header of the answer. @returns ends them */
export function startBackends(): () => void {
  const answer = (headers: IncomingHttpHeaders) => ({ "x-reached": headers["x-auth-request-roles"] ?? "" });
  const backend = createServer(({ headers }, response) => {
    response.writeHead(200, answer(headers)).end();
  });
  backend.keepAliveTimeout = 60_000;
  backend.listen(backendPorts.http, "0.0.0.0");
  const http2 = createHttp2Server(({ headers }, response) => {
    response.writeHead(200, answer(headers)).end();
  });
  http2.listen(backendPorts.grpc, "0.0.0.0");
  return () => {
    backend.closeAllConnections();
    backend.close();
    http2.close();
  };
}
