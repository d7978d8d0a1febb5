/** What Entra checks of a sign-in request before anybody signs in, and how it answers the application. */
import { createHash, randomUUID } from "node:crypto";

import type { KoaContextWithOIDC } from "oidc-provider";

import { redirectUrisOf } from "./adapter.ts";
import { EntraError, errorParameters } from "./errors.ts";
import { formPostPage } from "./login-pages.ts";
import { principalOf, registrationOf } from "./membership.ts";
import type { Principal, Registration, Tenant } from "./model.ts";
import { without } from "./objects.ts";
import { readScope, type Wish } from "./scopes.ts";

type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A sign-in request that may go on. */
export interface SignInRequest {
  readonly registration: Registration;
  readonly principal: Principal;
  readonly wish: Wish;
  readonly redirectUri: string;
  readonly responseMode: string;
  readonly state: string | undefined;
  readonly prompt: readonly string[];
}

/** Entra tells the application, not the person. */
export class RedirectedError extends Error {
  readonly error: EntraError;
  readonly to: Pick<SignInRequest, "redirectUri" | "responseMode" | "state">;

  constructor(error: EntraError, to: RedirectedError["to"]) {
    super(error.message);
    this.error = error;
    this.to = to;
  }
}

/** @throws EntraError for a page of Entra's own, {@link RedirectedError} for an answer to the application */
export function readSignInRequest(tenant: Tenant, query: Query): SignInRequest {
  const text = (name: string): string | undefined => {
    const value = query[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const required = (name: string): string => {
    const value = text(name);
    if (value === undefined) throw new EntraError(900144, [name]);
    return value;
  };
  const clientId = required("client_id");
  const registration = registrationOf(tenant, clientId);
  const principal = principalOf(tenant, clientId);
  if (registration === undefined || principal === undefined)
    throw new EntraError(700016, [clientId, tenant.tenantId]);
  const redirectUri = readRedirectUri(registration, text("redirect_uri"));

  const responseType = required("response_type").split(" ").sort().join(" ");
  const withToken = responseType !== "code";
  const responseMode = text("response_mode") ?? (withToken ? "fragment" : "query");
  const to = {
    redirectUri,
    state: text("state"),
    responseMode: responseMode === "query" && withToken ? "fragment" : responseMode,
  };
  const { enableIdTokenIssuance } = registration.application.web.implicitGrantSettings;
  const allowed = ["code", ...(enableIdTokenIssuance ? ["id_token", "code id_token"] : [])];
  if (!allowed.includes(responseType)) throw new RedirectedError(new EntraError(700054, [responseType]), to);
  if (!["query", "fragment", "form_post"].includes(responseMode) || (responseMode === "query" && withToken))
    throw new RedirectedError(new EntraError(70007, [responseMode]), to);
  const wish = readScope(tenant, registration, required("scope"));
  if (responseType.includes("id_token") && text("nonce") === undefined)
    throw new RedirectedError(new EntraError(900144, ["nonce"]), to);
  const prompt = (text("prompt") ?? "").split(" ").filter(Boolean);
  if (prompt.some((word) => !["login", "none", "consent", "select_account"].includes(word)))
    throw new RedirectedError(new EntraError(90023), to);
  return { registration, principal, wish, ...to, prompt };
}

/** Every character counts; only on a person's own machine the port does not. */
function readRedirectUri(registration: Registration, given: string | undefined): string {
  const registered = redirectUrisOf(registration);
  const [first] = registered;
  if (first === undefined) throw new EntraError(500113);
  if (given === undefined) return withPath(first);
  const found = registered.some((uri) => withPath(uri) === withPath(given) || sameOnLoopback(uri, given));
  if (!found) throw new EntraError(50011, [given, registration.application.appId]);
  return given;
}

/** Entra answers to `https://host/` where `https://host` is registered. */
function withPath(uri: string): string {
  return /^[a-z]+:\/\/[^/?#]+$/i.test(uri) ? `${uri}/` : uri;
}

function sameOnLoopback(registered: string, given: string): boolean {
  const [one, other] = [URL.parse(registered), URL.parse(given)];
  if (one === null || other === null || !["localhost", "127.0.0.1"].includes(one.hostname)) return false;
  one.port = other.port = "";
  return one.href === other.href;
}

/**
 * The request as the library is to see it. It knows `openid` only; what else is asked for is Entra's own business and
 * travels as `requested_scope`. Its PKCE knows only S256, so that a plain challenge becomes the one of S256.
 */
export function forLibrary(
  query: Query,
  { wish, redirectUri, responseMode }: SignInRequest,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ["client_id", "response_type", "state", "nonce", "login_hint", "max_age", "prompt"]) {
    const value = query[name];
    if (typeof value === "string" && value !== "") kept[name] = value;
  }
  const { code_challenge: challenge, code_challenge_method: method = "plain" } = query;
  if (typeof challenge === "string" && challenge !== "") {
    kept["code_challenge_method"] = "S256";
    kept["code_challenge"] =
      method === "S256" ? challenge : createHash("sha256").update(challenge).digest("base64url");
  }
  return {
    ...kept,
    redirect_uri: redirectUri,
    response_mode: responseMode,
    scope: "openid",
    requested_scope: wish.text,
  };
}

/** Answers the application: Entra adds `session_state`, has no `iss`, and ends a query's redirect with `#`. */
export function respond(
  ctx: KoaContextWithOIDC,
  { redirectUri, responseMode }: Pick<SignInRequest, "redirectUri" | "responseMode">,
  parameters: Readonly<Record<string, unknown>>,
): void {
  const rest = without(parameters, "iss");
  const all = "error" in rest ? rest : { ...rest, session_state: randomUUID() };
  const texts = Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value as string] as const],
    ),
  );
  if (responseMode === "form_post") {
    ctx.status = 200;
    ctx.type = "html";
    ctx.body = formPostPage(redirectUri, texts);
    return;
  }
  const search = new URLSearchParams(texts).toString();
  const before = responseMode === "fragment" ? "#" : redirectUri.includes("?") ? "&" : "?";
  ctx.status = 302;
  ctx.set("Location", `${redirectUri}${before}${search}${responseMode === "fragment" ? "" : "#"}`);
  ctx.body = "";
}

/** The same for an error. */
export function respondWithError(
  ctx: KoaContextWithOIDC,
  error: EntraError,
  to: RedirectedError["to"],
): void {
  const { error: name, error_description, error_uri, suberror } = errorParameters(error);
  respond(ctx, to, { error: name, error_description, error_uri, suberror, state: to.state });
}
