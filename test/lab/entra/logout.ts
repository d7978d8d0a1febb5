/** Sign-out at Entra. */
import type { KoaContextWithOIDC, Provider } from "oidc-provider";

import { redirectUrisOf } from "./adapter.ts";
import { html, page } from "./html.ts";
import { readBody } from "./http.ts";
import { signedOutPage } from "./login-pages.ts";
import { registrationOf } from "./membership.ts";
import type { Tenant } from "./model.ts";

/**
 * Ends the session. Where to go on must be registered; without that, and with it too while other applications are told
 * (front channel), there is a page.
 */
export async function signOut(tenant: Tenant, provider: Provider, ctx: KoaContextWithOIDC): Promise<void> {
  const form =
    ctx.method === "POST"
      ? new URLSearchParams(await readBody(ctx.req))
      : new URLSearchParams(ctx.querystring);
  const session = await provider.Session.get(ctx);
  const applications = Object.keys(session.authorizations ?? {});
  if (session.accountId !== undefined) await session.destroy();
  ctx.cookies.set(provider.cookieName("session"), null, { path: "/", secure: true, sameSite: "none" });
  ctx.set("Cache-Control", "no-store");

  const wanted = form.get("post_logout_redirect_uri");
  const known = tenant.registrations.flatMap((registration) => redirectUrisOf(registration));
  const target = wanted !== null && known.includes(wanted) ? withState(wanted, form.get("state")) : undefined;
  const told = applications.flatMap((appId) => {
    const url = registrationOf(tenant, appId)?.application.web.logoutUrl;
    // Entra says which session, and not who it is.
    return url ? [`${url}${url.includes("?") ? "&" : "?"}sid=${session.uid}`] : [];
  });
  if (target !== undefined && told.length === 0) {
    ctx.status = 302;
    ctx.set("Location", target);
    ctx.body = "";
    return;
  }
  ctx.type = "html";
  if (told.length === 0) {
    ctx.body = signedOutPage();
    return;
  }
  const frames = told.map((url) => html`<iframe hidden src="${url}"></iframe>`);
  const onwards =
    target === undefined
      ? html``
      : html`<meta http-equiv="refresh" content="1; url=${target}" />
          <p><a href="${target}">Continue</a></p>`;
  ctx.body = page(
    "Sign out",
    html`<h1>You signed out of your account</h1>
      ${frames}${onwards}`,
  );
}

function withState(url: string, state: string | null): string {
  return state === null
    ? url
    : `${url}${url.includes("?") ? "&" : "?"}${new URLSearchParams({ state }).toString()}`;
}
