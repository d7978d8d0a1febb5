/** The https server that answers under Entra's names. */
import type { IncomingMessage, ServerResponse } from "node:http";

import { answerAuthorize, answerLogout, answerSignIn } from "./authorize.ts";
import type { SeenRequest } from "./behaviour.ts";
import { clientCredentials } from "./clients.ts";
import { tenantDomain, tenantId } from "./directory.ts";
import type { Emulator } from "./emulator.ts";
import { EntraError } from "./errors.ts";
import { answerGraph, GraphError } from "./graph.ts";
import { readText, sendJson, sendPage } from "./http-answer.ts";
import { discovery } from "./metadata.ts";
import { errorPage } from "./pages.ts";
import { publicKeys, verifyGraphToken } from "./tokens.ts";
import { answerTokenRequest } from "./token-endpoint.ts";

/** @param deployerId - application ID of the deployer, whose permissions the control API sets */
export function entraListener(emulator: Emulator, deployerId: string) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const { host = "" } = request.headers;
    const url = new URL(request.url ?? "/", `https://${host}`);
    const seen = emulator.saw({
      at: new Date().toISOString(),
      method: request.method ?? "",
      host: url.hostname,
      path: url.pathname,
      status: 0,
    });
    response.on("close", () => {
      seen.status = response.headersSent ? response.statusCode : 0;
    });
    const answer =
      url.hostname === "graph.microsoft.com"
        ? graph(emulator, request, response, url, seen)
        : login(emulator, request, response, url, seen, deployerId);
    answer.catch((error: unknown) => {
      console.error(`${seen.method} ${seen.host}${seen.path}:`, error);
      response.destroy();
    });
  };
}

async function login(
  emulator: Emulator,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  seen: SeenRequest,
  deployerId: string,
): Promise<void> {
  if (isOut(emulator.behaviour.loginOutage, response)) return;
  const text = await readText(request);
  const form = new URLSearchParams(text);
  const [, tenant = "", ...rest] = url.pathname.split("/");
  const path = rest.join("/");
  const client = form.get("client_id") ?? url.searchParams.get("client_id");
  if (client !== null) seen.client = client;
  const isTokenRequest = path === "oauth2/v2.0/token";
  try {
    if (tenant !== tenantId && tenant !== tenantDomain) throw new EntraError(90002, `Tenant: '${tenant}'.`);
    switch (path) {
      case "oauth2/v2.0/authorize":
        await answerAuthorize(
          emulator,
          request,
          response,
          request.method === "POST" ? form : url.searchParams,
        );
        return;
      case "login":
        await answerSignIn(emulator, response, url.searchParams, form);
        return;
      case "oauth2/v2.0/token": {
        const credentials = clientCredentials(form, request.headers.authorization);
        if (credentials.clientId !== undefined) seen.client = credentials.clientId;
        const grantType = form.get("grant_type");
        if (grantType !== null) seen.grantType = grantType;
        sendJson(response, 200, await answerTokenRequest(emulator, form, credentials, deployerId));
        return;
      }
      case "oauth2/v2.0/logout":
        answerLogout(emulator, response, request.method === "POST" ? form : url.searchParams);
        return;
      case "v2.0/.well-known/openid-configuration":
        sendJson(response, 200, discovery(emulator));
        return;
      case "discovery/v2.0/keys":
        sendJson(response, 200, { keys: publicKeys(emulator) });
        return;
      default:
        sendPage(response, 404, "<!doctype html><title>Not found</title>");
    }
  } catch (error) {
    if (!(error instanceof EntraError)) throw error;
    seen.error = error.code;
    if (isTokenRequest || path.startsWith("v2.0/")) sendJson(response, error.status, error.body);
    else sendPage(response, error.status, errorPage(error));
  }
}

async function graph(
  emulator: Emulator,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  seen: SeenRequest,
): Promise<void> {
  const { behaviour } = emulator;
  if (isOut(behaviour.graphOutage, response)) return;
  const refuse = (status: number, code: string, message: string, headers: Record<string, string> = {}) => {
    const date = new Date().toISOString().slice(0, 19);
    const requestId = response.getHeader("request-id");
    const innerError = { date, "request-id": requestId, "client-request-id": requestId };
    sendJson(response, status, { error: { code, message, innerError } }, headers);
  };
  response.setHeader("request-id", crypto.randomUUID());
  const text = await readText(request);
  if (behaviour.throttledCalls > 0) {
    behaviour.throttledCalls -= 1;
    const retryAfter = String(behaviour.retryAfter);
    refuse(429, "TooManyRequests", "Too many requests.", { "retry-after": retryAfter });
    return;
  }
  const bearer = /^bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const claims = bearer === undefined ? undefined : await verifyGraphToken(emulator, bearer);
  if (claims === undefined) {
    refuse(401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience.");
    return;
  }
  seen.client = String(claims["appid"]);
  if (url.pathname === "/oidc/userinfo") {
    sendJson(response, 200, { sub: claims.sub, name: claims["name"] });
    return;
  }
  try {
    const answer = answerGraph(emulator, {
      method: request.method ?? "",
      path: decodeURIComponent(url.pathname.replace(/^\/(?:v1\.0|beta)/, "")),
      query: url.searchParams,
      body: bodyOf(text),
      caller: { objectId: String(claims["oid"]), roles: (claims["roles"] ?? []) as string[] },
    });
    sendJson(response, answer.status, answer.body);
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    refuse(error.status, error.code, error.message);
  }
}

function bodyOf(text: string): Record<string, unknown> {
  if (text === "") return {};
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new GraphError(400, "BadRequest", "Unable to read JSON request payload.");
  }
}

/** Whether there is nobody to answer; "hang" leaves the connection open until the client gives up. */
function isOut(outage: Emulator["behaviour"]["loginOutage"], response: ServerResponse): boolean {
  if (outage === "503")
    sendPage(response, 503, "<!doctype html><title>Service Unavailable</title><h1>Service Unavailable</h1>");
  return outage !== null;
}
