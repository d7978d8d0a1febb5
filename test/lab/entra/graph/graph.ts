/** Microsoft Graph, graph.microsoft.com: as much of v1.0 and beta as deploying a site, and signing in to it, needs. */
import type { IncomingMessage, ServerResponse } from "node:http";

import { readBody } from "../http.ts";
import { note } from "../request-log.ts";
import type { State } from "../state.ts";
import { readGraphToken } from "../tokens.ts";
import { applicationRoutes } from "./applications.ts";
import type { Caller, GraphAnswer, GraphCall, Route } from "./call.ts";
import { badRequest, errorBody, GraphRefusal } from "./errors.ts";
import { peopleRoutes, userinfo } from "./people.ts";
import { permissionGrantRoutes } from "./permission-grants.ts";
import { policyRoutes } from "./policies.ts";
import { servicePrincipalRoutes } from "./service-principals.ts";
import { usersDeltaRoutes } from "./users-delta.ts";

const routes: readonly Route[] = [
  ...applicationRoutes,
  ...servicePrincipalRoutes,
  ...permissionGrantRoutes,
  // Before a user who could be called "delta".
  ...usersDeltaRoutes,
  ...peopleRoutes,
  ...policyRoutes,
];

/** Answers one request. */
export async function answerGraph(
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let answer: GraphAnswer;
  let headers: Readonly<Record<string, string>> = {};
  try {
    throttle(state);
    answer = await answerTo(state, request);
  } catch (error) {
    const refusal = error instanceof GraphRefusal ? error : internal(error);
    answer = { status: refusal.status, body: errorBody(refusal) };
    headers = refusal.headers;
  }
  if (answersGetLost(state, request.method)) {
    response.destroy();
    return;
  }
  const text = answer.body === undefined ? "" : JSON.stringify(answer.body);
  response.writeHead(answer.status, {
    ...(text === "" ? {} : { "Content-Type": "application/json" }),
    "Cache-Control": "no-cache",
    ...headers,
  });
  response.end(text);
}

async function answerTo(state: State, request: IncomingMessage): Promise<GraphAnswer> {
  const { tenant } = state;
  const url = new URL(request.url ?? "/", "https://graph.microsoft.com");
  const [, version, rest = ""] = /^\/(v1\.0|beta|oidc)(\/.*)$/.exec(url.pathname) ?? [];
  if (version === undefined) throw badRequest("Invalid version.");
  const caller = await callerOf(state, request);
  note(request, { application: caller.appId });
  const text = await readBody(request);
  const call: GraphCall = {
    state,
    tenant,
    caller,
    version: version === "beta" ? "beta" : "v1.0",
    path: rest,
    query: url.searchParams,
    body: version === "oidc" ? {} : parsed(text),
  };
  if (version === "oidc" && rest === "/userinfo") return { status: 200, body: userinfo(call) };
  const known = routes.filter(([, path]) => path.test(rest));
  const route = known.find(([method]) => method === request.method);
  if (route !== undefined) {
    const [, path, handle] = route;
    return handle(call, ...(path.exec(rest)?.slice(1) ?? []));
  }
  if (known.length > 0)
    throw new GraphRefusal(
      405,
      "Request_BadRequest",
      `Specified HTTP method is not allowed for the request target.`,
    );
  throw badRequest(`Resource not found for the segment '${rest.split("/")[1] ?? ""}'.`);
}

async function callerOf({ tenant }: State, { headers }: IncomingMessage): Promise<Caller> {
  const [, token] = /^Bearer (\S+)$/i.exec(headers.authorization ?? "") ?? [];
  if (token === undefined)
    throw new GraphRefusal(401, "InvalidAuthenticationToken", "Access token is empty.");
  let claims;
  try {
    claims = await readGraphToken(tenant, token);
  } catch (error) {
    const { code } = error as { readonly code?: string };
    const why =
      code === "ERR_JWT_EXPIRED"
        ? "Lifetime validation failed, the token is expired."
        : "Access token validation failure. Invalid audience.";
    throw new GraphRefusal(401, "InvalidAuthenticationToken", why);
  }
  const user = claims["idtyp"] === "user";
  const permissions = user ? String(claims["scp"]).split(" ") : ((claims["roles"] ?? []) as string[]);
  return {
    kind: user ? "user" : "application",
    id: String(claims["oid"]),
    appId: String(claims["appid"]),
    permissions: new Set(permissions),
  };
}

function throttle({ tenant: { behaviour } }: State): void {
  const { calls, retryAfterSeconds } = behaviour.throttle;
  if (calls === 0) return;
  behaviour.throttle = { calls: calls - 1, retryAfterSeconds };
  // Conditional access throttles without saying for how long.
  const headers: Record<string, string> =
    retryAfterSeconds === null ? {} : { "Retry-After": String(retryAfterSeconds) };
  throw new GraphRefusal(429, "TooManyRequests", "Too many requests.", headers);
}

function answersGetLost({ tenant: { behaviour } }: State, method = "GET"): boolean {
  if (method === "GET" || behaviour.lostAnswers === 0) return false;
  behaviour.lostAnswers -= 1;
  return true;
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  if (text === "") return {};
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw badRequest(
      "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
    );
  }
}

function internal(error: unknown): GraphRefusal {
  console.error(
    `${new Date().toISOString()} entra: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return new GraphRefusal(500, "UnknownError", "");
}
