/** Signing people in: the authorize endpoint, its two pages, and signing out. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

import { hashOf, tenantId } from "./directory.ts";
import type { Emulator } from "./emulator.ts";
import { EntraError } from "./errors.ts";
import { cookiesOf, sendPage } from "./http-answer.ts";
import { formPost, namePage, passwordPage, signedOutPage } from "./pages.ts";
import { admit, scopesOf } from "./sign-in.ts";
import type { Application, User } from "./state.ts";
import { seal, type Ticket, unseal } from "./tokens.ts";

/** Entra's own name for the cookie of a browser's session. */
const sessionCookie = "ESTSAUTH";

/** Seconds that a code and a session hold. */
const codeLifetime = 600;
const sessionLifetime = 86_400;

/** A request to sign in, after it has been found to come from an application that may ask. */
interface SignInRequest {
  readonly application: Application;
  readonly redirectUri: string;
  readonly parameters: URLSearchParams;
}

/** Answers `/{tenant}/oauth2/v2.0/authorize`. Refusals that the application is not told throw. */
export async function answerAuthorize(
  emulator: Emulator,
  request: IncomingMessage,
  response: ServerResponse,
  parameters: URLSearchParams,
): Promise<void> {
  const asked = understood(emulator, parameters);
  const { application } = asked;
  const responseType = parameters.get("response_type");
  if (responseType !== "code") {
    answerApplication(response, asked, refusal(new EntraError(responseType === null ? 900144 : 700054)));
    return;
  }
  const scopes = scopesOf(parameters.get("scope") ?? "");
  const prompt = parameters.get("prompt");
  const session = await sessionOf(emulator, request);
  const silent = prompt === "none";
  if (session === undefined || prompt === "login" || prompt === "select_account") {
    if (silent) {
      answerApplication(response, asked, refusal(new EntraError(50058)));
      return;
    }
    sendPage(response, 200, namePage(signInPath(parameters), { name: parameters.get("login_hint") ?? "" }));
    return;
  }
  try {
    admit(emulator, application, session.user, scopes);
  } catch (error) {
    if (!silent || !(error instanceof EntraError)) throw error;
    answerApplication(response, asked, { ...refusal(error), error: "interaction_required" });
    return;
  }
  const ticket = codeTicket(asked, session, scopes);
  answerApplication(response, asked, {
    code: await seal(emulator, ticket, codeLifetime),
    session_state: session.ticket.sid,
  });
}

/** Answers the two pages' forms. */
export async function answerSignIn(
  emulator: Emulator,
  response: ServerResponse,
  parameters: URLSearchParams,
  form: URLSearchParams,
): Promise<void> {
  const action = signInPath(parameters);
  const name = form.get("loginfmt") ?? "";
  const password = form.get("passwd");
  const user = emulator.userOf(name);
  if (user === undefined) {
    sendPage(response, 200, namePage(action, { name, error: new EntraError(50034).message }));
    return;
  }
  if (password === null) {
    sendPage(response, 200, passwordPage(action, name));
    return;
  }
  if (hashOf(password) !== user.passwordHash) {
    sendPage(response, 200, passwordPage(action, name, new EntraError(50126).message));
    return;
  }
  if (!user.accountEnabled) throw new EntraError(50057);
  const ticket: Ticket = { kind: "session", user: user.id, signedInAt: Date.now(), sid: randomUUID() };
  const session = await seal(emulator, ticket, sessionLifetime);
  const rest = new URLSearchParams(parameters);
  rest.delete("prompt");
  response
    .writeHead(302, {
      "set-cookie": `${sessionCookie}=${session}; Path=/; Secure; HttpOnly; SameSite=None`,
      "cache-control": "no-store",
      location: `/${tenantId}/oauth2/v2.0/authorize?${rest.toString()}`,
    })
    .end();
}

/** Ends the browser's session, and goes where an application has registered that people may go. */
export function answerLogout(
  emulator: Emulator,
  response: ServerResponse,
  parameters: URLSearchParams,
): void {
  response.setHeader("set-cookie", `${sessionCookie}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=None`);
  const target = parameters.get("post_logout_redirect_uri");
  const registered = Object.values(emulator.state.applications).flatMap(redirectUris);
  if (target === null || !registered.includes(target)) {
    sendPage(response, 200, signedOutPage());
    return;
  }
  const state = parameters.get("state");
  const location =
    state === null ? target : `${target}${target.includes("?") ? "&" : "?"}${query({ state })}`;
  response.writeHead(302, { "cache-control": "no-store", location }).end();
}

/** @throws EntraError where the application must not be told, since nothing says that it is one */
function understood(emulator: Emulator, parameters: URLSearchParams): SignInRequest {
  const clientId = parameters.get("client_id");
  if (clientId === null) throw new EntraError(900144, "Missing: 'client_id'.");
  const application = emulator.applicationOf(clientId);
  if (application === undefined || emulator.principalOf(clientId) === undefined)
    throw new EntraError(700016, `Application: '${clientId}'.`);
  const registered = redirectUris(application);
  const redirectUri = parameters.get("redirect_uri") ?? registered[0] ?? "";
  if (!registered.includes(redirectUri)) throw new EntraError(50011, `Got: '${redirectUri}'.`);
  return { application, redirectUri, parameters };
}

/** Compared as they are: case, slashes and query count. */
function redirectUris(application: Application): string[] {
  const web = application["web"] as { readonly redirectUris?: readonly string[] } | undefined;
  return [...(web?.redirectUris ?? [])];
}

async function sessionOf(
  emulator: Emulator,
  request: IncomingMessage,
): Promise<{ readonly user: User; readonly ticket: Ticket } | undefined> {
  const ticket = await unseal(emulator, "session", cookiesOf(request).get(sessionCookie) ?? "");
  if (ticket === undefined || ticket === "expired") return undefined;
  const user = emulator.state.users[ticket.user];
  return user === undefined || ticket.signedInAt < user.sessionsValidFrom ? undefined : { user, ticket };
}

function codeTicket(
  { application, parameters }: SignInRequest,
  { user, ticket }: { readonly user: User; readonly ticket: Ticket },
  scopes: readonly string[],
): Ticket {
  const optional = (key: string, value: string | null) => (value === null ? {} : { [key]: value });
  return {
    kind: "code",
    user: user.id,
    signedInAt: ticket.signedInAt,
    sid: ticket.sid,
    appId: application.appId,
    scope: scopes.join(" "),
    ...optional("redirectUri", parameters.get("redirect_uri")),
    ...optional("nonce", parameters.get("nonce")),
    ...optional("codeChallenge", parameters.get("code_challenge")),
    ...optional("codeChallengeMethod", parameters.get("code_challenge_method")),
  };
}

function signInPath(parameters: URLSearchParams): string {
  return `/${tenantId}/login?${parameters.toString()}`;
}

function refusal(error: EntraError): Record<string, string> {
  return {
    error: error.error,
    error_description: error.description,
    error_uri: `https://login.microsoftonline.com/error?code=${error.code}`,
  };
}

function answerApplication(
  response: ServerResponse,
  { redirectUri, parameters }: SignInRequest,
  answer: Readonly<Record<string, string>>,
): void {
  const state = parameters.get("state");
  const all = new URLSearchParams({ ...answer, ...(state === null ? {} : { state }) });
  if (parameters.get("response_mode") === "form_post") {
    sendPage(response, 200, formPost(redirectUri, all));
    return;
  }
  const location =
    parameters.get("response_mode") === "fragment"
      ? `${redirectUri}#${all.toString()}`
      : `${redirectUri}${redirectUri.includes("?") ? "&" : "?"}${all.toString()}`;
  response.writeHead(302, { "cache-control": "no-store", location }).end();
}

const query = (values: Record<string, string>) => new URLSearchParams(values).toString();
