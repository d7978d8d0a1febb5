/**
 * The OpenID Connect half, login.microsoftonline.com. The library `oidc-provider` runs the protocol: sessions,
 * interactions, codes, PKCE, refresh tokens. What Entra does otherwise lies around it: which requests it takes
 * (authorize.ts), its pages (login.ts), its client secrets, tokens and errors (token.ts), its documents (metadata.ts).
 */
import { interactionPolicy, type KoaContextWithOIDC, Provider } from "oidc-provider";

import { adapterOf } from "./adapter.ts";
import {
  forLibrary,
  readSignInRequest,
  RedirectedError,
  respond,
  respondWithError,
  type SignInRequest,
} from "./authorize.ts";
import { readLoginHint } from "./claims.ts";
import { errorOf, obstacleOf } from "./conditions.ts";
import { tenantDomain } from "./directory.ts";
import { EntraError, errorParameters } from "./errors.ts";
import { errorPage } from "./login-pages.ts";
import { Login, loginPath } from "./login.ts";
import { signOut } from "./logout.ts";
import { registrationOf, userById, userBySignInName } from "./membership.ts";
import { cloudEndpoints, discovery, keySet } from "./metadata.ts";
import { note } from "./request-log.ts";
import { readScope } from "./scopes.ts";
import type { SignInLog } from "./sign-in-log.ts";
import type { State } from "./state.ts";
import {
  answerClientCredentials,
  answerWithError,
  answerWithTokens,
  checkObstacles,
  checkSecret,
  grantResource,
  subjectOf,
  type TokenState,
  wishOf,
} from "./token.ts";
import { idToken, issuerOf } from "./tokens.ts";

const days = 24 * 3600;

/** The library with Entra's way of answering applications. */
class EntraProvider extends Provider {
  override registerResponseMode(name: string): void {
    super.registerResponseMode(name, (ctx, redirectUri, payload) => {
      if ("error" in payload) {
        const to = { redirectUri, responseMode: name, state: payload["state"] as string | undefined };
        respondWithError(ctx, new EntraError(90023, [], { error: String(payload["error"]) }), to);
      } else respond(ctx, { redirectUri, responseMode: name }, payload);
    });
  }
}

/** Makes the request handler of the login host. */
export function makeLogin(state: State, log: SignInLog): ReturnType<Provider["callback"]> {
  const { tenantId } = state.tenant;
  const provider: Provider = new EntraProvider(issuerOf(tenantId), {
    adapter: adapterOf(state),
    jwks: {
      keys: state.tenant.signingKeys.map(({ kid, privateJwk }) => ({
        ...privateJwk,
        kid,
        use: "sig",
        alg: "RS256",
      })),
    },
    routes: { authorization: `/${tenantId}/oauth2/v2.0/authorize`, token: `/${tenantId}/oauth2/v2.0/token` },
    scopes: ["openid"],
    extraParams: ["requested_scope"],
    responseTypes: ["code", "id_token", "code id_token"],
    clientAuthMethods: ["client_secret_post", "client_secret_basic", "none"],
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
      resourceIndicators: { enabled: false },
    },
    pkce: { required: () => false },
    cookies: {
      names: { session: "ESTSAUTH", interaction: "esctx", resume: "esctx-resume" },
      // Applications send people here by POST from other sites, too.
      long: { httpOnly: true, secure: true, sameSite: "none" },
      short: { httpOnly: true, secure: true, sameSite: "none" },
    },
    ttl: {
      Session: days,
      Interaction: 3600,
      Grant: 90 * days,
      AuthorizationCode: 600,
      RefreshToken: 90 * days,
      AccessToken: 3600,
      IdToken: 3600,
    },
    interactions: { policy: policyOf(state), url: (_ctx, { uid }) => loginPath(tenantId, uid) },
    findAccount: (ctx, id, token) => {
      // Only the token endpoint comes with a token; there, no page can be shown.
      if (token !== undefined) checkObstacles(state.tenant, ctx, id);
      return { accountId: id, claims: () => ({ sub: id }) };
    },
    loadExistingGrant: async (ctx) => {
      const grant = new provider.Grant({
        clientId: ctx.oidc.client?.clientId,
        accountId: ctx.oidc.account?.accountId,
      });
      grant.addOIDCScope("openid");
      grant.addResourceScope(grantResource, String(ctx.oidc.params?.["requested_scope"]));
      await grant.save();
      return grant;
    },
    issueRefreshToken: (ctx) => wishOf(state.tenant, ctx).openid.has("offline_access"),
    // A new one each time; that the old one stays valid is the adapter's doing.
    rotateRefreshToken: true,
    revokeGrantPolicy: () => false,
    // A confidential client's refresh tokens outlive the sign-out.
    expiresWithSession: () => false,
    renderError: (ctx, _out, error) => {
      report(error);
      ctx.type = "html";
      ctx.body = errorPage(new EntraError(90023));
    },
  });

  provider.registerGrantType("client_credentials", (ctx) => answerClientCredentials(state.tenant, ctx), [
    "scope",
  ]);
  provider.Client.prototype.compareClientSecret = function (secret) {
    const ctx = Provider.ctx;
    // At a refresh the library would compare it with its own `openid`.
    const parameters = ctx?.oidc.params as { scope?: string | undefined } | undefined;
    if (ctx !== undefined && parameters?.scope !== undefined) {
      (ctx.state as TokenState).scope = parameters.scope;
      parameters.scope = undefined;
    }
    return checkSecret(state.tenant, this.clientId, secret);
  };
  // Only the authorization endpoint's comes from here; the token endpoint's is made anew with Entra's access token.
  provider.IdToken.prototype.issue = async function () {
    const { session, client, params } = this.ctx.oidc;
    if (this.ctx.oidc.route === "token" || session?.accountId === undefined) return "";
    const registration = registrationOf(state.tenant, client?.clientId ?? "");
    if (registration === undefined) throw new EntraError(90023);
    const wish = readScope(state.tenant, registration, String(params?.["requested_scope"]));
    const { nonce, c_hash: code } = this.extra as Readonly<Record<string, string | undefined>>;
    const { loginTs: authTime, amr, uid: sid } = session;
    return idToken(subjectOf(state.tenant, registration.application.appId, session.accountId), wish, {
      nonce,
      code,
      authTime,
      amr,
      sid,
    });
  };
  const remember = (ctx: KoaContextWithOIDC, error: Error) => {
    (ctx.state as TokenState).failure = error;
  };
  provider.on("grant.error", remember);
  provider.on("server_error", (ctx, error) => {
    remember(ctx, error);
    if (!(error instanceof EntraError)) report(error);
  });

  const login = new Login(state, provider, log);
  provider.use(async (context, next) => {
    const ctx = context as unknown as KoaContextWithOIDC;
    const [, tenant = "", ...rest] = ctx.path.split("/");
    if (ctx.path === "/metadata/endpoints") {
      ctx.body = cloudEndpoints();
      return;
    }
    const path = rest.join("/");
    if (![tenantId, tenantDomain, "common", "organizations"].includes(tenant.toLowerCase())) {
      refuseTenant(ctx, tenant, path);
      return;
    }
    ctx.path = `/${tenantId}/${path}`;
    switch (path) {
      case "v2.0/.well-known/openid-configuration":
        ctx.set("Access-Control-Allow-Origin", "*");
        ctx.body =
          tenant === "common" ? anyTenant(discovery(state.tenant), tenantId) : discovery(state.tenant);
        return;
      case "discovery/v2.0/keys":
        ctx.set("Access-Control-Allow-Origin", "*");
        ctx.body = keySet(state.tenant);
        return;
      case "oauth2/v2.0/logout":
        await signOut(state.tenant, provider, ctx);
        return;
      case "oauth2/v2.0/authorize":
        await authorize(state, provider, ctx, next);
        return;
      case "oauth2/v2.0/token":
        await next();
        await finishTokenRequest(state, ctx);
        return;
    }
    if (path.startsWith("login/")) await login.answer(ctx);
    else await next();
  });
  return provider.callback();
}

/** A sign-in request, until a person is needed. */
async function authorize(
  state: State,
  provider: Provider,
  ctx: KoaContextWithOIDC,
  next: () => Promise<unknown>,
): Promise<void> {
  try {
    const request = readSignInRequest(state.tenant, ctx.query);
    if (request.prompt.includes("none")) {
      const error = await silentError(state, provider, ctx, request);
      if (error !== undefined) throw new RedirectedError(error, request);
    }
    ctx.query = forLibrary(ctx.query, request);
  } catch (error) {
    if (error instanceof RedirectedError) respondWithError(ctx, error.error, error.to);
    else if (error instanceof EntraError) {
      ctx.status = 400;
      ctx.type = "html";
      ctx.body = errorPage(error);
    } else throw error;
    return;
  }
  await next();
}

/** Makes the library's answer at the token endpoint Entra's. */
async function finishTokenRequest({ tenant }: State, ctx: KoaContextWithOIDC): Promise<void> {
  try {
    if (ctx.status === 200 && ctx.oidc.params?.["grant_type"] !== "client_credentials")
      await answerWithTokens(tenant, ctx);
  } catch (error) {
    if (!(error instanceof EntraError)) throw error;
    (ctx.state as TokenState).failure = error;
    ctx.status = error.details.status;
  }
  const application = ctx.oidc.client?.clientId;
  if (application !== undefined) note(ctx.req, { application });
  if (ctx.status !== 200) answerWithError(tenant, ctx);
}

/** Why prompt=none cannot succeed. */
async function silentError(
  { tenant }: State,
  provider: Provider,
  ctx: KoaContextWithOIDC,
  { registration, principal, wish }: SignInRequest,
): Promise<EntraError | undefined> {
  const session = await provider.Session.get(ctx);
  const user = session.accountId === undefined ? undefined : userById(tenant, session.accountId);
  if (user === undefined) return new EntraError(50058);
  const subject = { tenant, application: registration.application, principal, user };
  const obstacle = obstacleOf(subject, wish, { amr: session.amr ?? [], authTime: session.loginTs ?? 0 });
  if (obstacle === undefined) return undefined;
  const { code, details, message } = errorOf(obstacle, subject);
  // Whatever the token endpoint calls it, here a person has to act.
  const error = new EntraError(code, [], {
    error: details.error === "access_denied" ? "access_denied" : "interaction_required",
  });
  error.message = message;
  return error;
}

/** When the library has to send somebody to a page of login.ts. */
function policyOf(state: State) {
  const { Prompt, Check } = interactionPolicy;
  const policy = interactionPolicy.base();
  policy.clear();
  policy.add(
    new Prompt(
      { name: "login", requestable: true },
      new Check(
        "no_session",
        "nobody is signed in",
        "login_required",
        ({ oidc: { session } }) =>
          session?.accountId === undefined || userById(state.tenant, session.accountId) === undefined,
      ),
      new Check(
        "other_account",
        "somebody else is meant",
        "login_required",
        ({ oidc: { session, params, result } }) => {
          const hint = params?.["login_hint"];
          if (typeof hint !== "string" || session?.accountId === undefined || result?.login !== undefined)
            return false;
          return userBySignInName(state.tenant, readLoginHint(hint))?.id !== session.accountId;
        },
      ),
      new Check(
        "max_age",
        "the sign-in is too old",
        "login_required",
        ({ oidc: { session, params, result } }) => {
          const maxAge = params?.["max_age"];
          return (
            maxAge !== undefined &&
            session !== undefined &&
            result?.login === undefined &&
            session.past(Number(maxAge))
          );
        },
      ),
    ),
  );
  policy.add(new Prompt({ name: "select_account", requestable: true }));
  policy.add(
    new Prompt(
      { name: "entra" },
      new Check(
        "obstacle",
        "the tenant asks for more",
        "interaction_required",
        ({ oidc: { session, client, params } }) => {
          if (session?.accountId === undefined || client === undefined) return false;
          const subject = subjectOf(state.tenant, client.clientId, session.accountId);
          const registration = registrationOf(state.tenant, client.clientId);
          if (registration === undefined) return false;
          const wish = readScope(state.tenant, registration, String(params?.["requested_scope"]));
          return (
            obstacleOf(subject, wish, { amr: session.amr ?? [], authTime: session.loginTs ?? 0 }) !==
            undefined
          );
        },
      ),
    ),
  );
  policy.add(new Prompt({ name: "consent", requestable: true }));
  return policy;
}

function refuseTenant(ctx: KoaContextWithOIDC, tenant: string, path: string): void {
  const error = new EntraError(90002, [tenant]);
  ctx.status = 400;
  if (path === "oauth2/v2.0/authorize") {
    ctx.type = "html";
    ctx.body = errorPage(error);
  } else
    ctx.body = {
      ...errorParameters(error),
      error: path.startsWith("v2.0/") ? "invalid_tenant" : "invalid_request",
    };
}

/** At `common` the issuer is a template, literally. */
function anyTenant(document: ReturnType<typeof discovery>, tenantId: string): unknown {
  const text = JSON.stringify(document).replaceAll(`/${tenantId}/`, "/common/");
  return { ...(JSON.parse(text) as object), issuer: issuerOf("{tenantid}") };
}

function report(error: Error): void {
  console.error(`${new Date().toISOString()} entra: ${error.stack ?? error.message}`);
}
