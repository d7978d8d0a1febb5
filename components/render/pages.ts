/** The pages that people see instead of the site. */
import { signOutPath } from "../site/names.ts";
import type { Site } from "../site/site.ts";
import { usualSite } from "./usual-site.ts";

/**
 * What oauth2-proxy's template gets as `.Message`, see https://github.com/oauth2-proxy/oauth2-proxy/blob/v7.15.3/oauthproxy.go
 * (`OAuthCallback`) and pkg/app/pagewriter/error_page.go: all of it comes with status 403.
 */
const messages = {
  refused: "You do not have permission to access this resource.",
  notBegunHere: "Login Failed: Unable to find a valid CSRF token. Please try again.",
  ofEntra: (error: string) => `Login Failed: The upstream identity provider returned an error: ${error}`,
};

/** The only shared file that an instance reads, when it starts; as in components/host/protected_sites/shared_files.py. */
export const errorPageFile = "error.html";

/**
 * The text of `error.html`, a Go template that all sites share, https://oauth2-proxy.github.io/oauth2-proxy/configuration/overview
 * (`custom_templates_dir`); a site's own words are its {@link footer}. What anybody can put into the callback's address is
 * only compared, never shown. `.Redirect` is the destination of the sign-in, checked by oauth2-proxy: see callbackLocation.
 */
export function errorPage(): string {
  const is = (...wanted: string[]) => `eq .Message ${wanted.map((it) => JSON.stringify(it)).join(" ")}`;
  return page(
    "Sign-in",
    `{{- if ${is(messages.refused)} }}
<h1>Your account does not have access to this site</h1>
{{- else if ${is(messages.notBegunHere)} }}
<h1>This sign-in has expired</h1>
<p>A sign-in must be completed within half an hour, and your browser keeps only the last few. <a id="go-on" href="{{.Redirect}}">Continue</a>; you may have to sign in again. If you keep ending up here, your browser is blocking this site's cookies.</p>
${goOnOnce}
{{- else if ${is(messages.ofEntra("access_denied"))} }}
<h1>You are not signed in</h1>
<p>The sign-in was cancelled, or Microsoft did not let you continue. <a href="{{.Redirect}}">Sign in</a>.</p>
{{- else if ${is(messages.ofEntra("temporarily_unavailable"), messages.ofEntra("server_error"))} }}
<h1>Microsoft's sign-in is currently unavailable</h1>
<p>The problem is not with you or this site. <a href="{{.Redirect}}">Try again</a> in a minute.</p>
{{- else }}
<h1>Signing in failed</h1>
<p>This is not your fault. <a href="{{.Redirect}}">Try again</a>.</p>
{{- end }}
<p>{{.Footer}}</p>
<p><small>Quote this when you ask for help: {{.StatusCode}}{{ if .RequestID }} · {{.RequestID}}{{ end }}</small></p>`,
  );
}

/**
 * What a site says below {@link errorPage}, as HTML, which oauth2-proxy does not escape: who has access, and whom to ask.
 * Names in it have been validated.
 */
export function footer(site: Site, tenantId: string): string {
  const domains = site.emailDomains.map((domain) => `@${domain}`).join(" or ");
  const conditions = [
    ...(domains === "" ? [] : [`whose account ends in ${domains}`]),
    ...(site.allowedGroups.length > 0 ? ["who are in a group with access to it"] : []),
    ...(site.roles.length > 0 ? ["who have a role in it"] : []),
  ];
  return `${site.domain} is open to people ${conditions.join(" and ")}. To use another account, <a href="${signOutPath(site, tenantId)}">sign out</a> first. For help, ask ${html(site.contact)}.`;
}

/** Follows the link automatically, but once a minute per tab: without cookies it would loop forever. */
const goOnOnce = `<script>
{
  const link = document.getElementById("go-on");
  try {
    const last = Number(sessionStorage.getItem("protected-sites-went-on"));
    if (link.host === location.host && !(Math.abs(Date.now() - last) < 60000)) {
      sessionStorage.setItem("protected-sites-went-on", String(Date.now()));
      location.replace(link.href);
    }
  } catch {
    // Without session storage, the person has to click.
  }
}
</script>`;

/** The text of `forbidden.html`, which Nginx shows to a user of the site whom a path rule denies access. */
export function forbiddenPage(site: Site, tenantId: string): string {
  return page(
    `No access · ${site.domain}`,
    `<h1>Your account does not have access to this part of ${site.domain}</h1>
<p>It requires ${site.roles.length > 0 ? "a role that your account does not have" : "membership in a group that your account is not in"}. <a href="/">Go to the start page</a>, or, if you have another account, <a href="${signOutPath(site, tenantId)}">sign out</a> and use that one. If you should have access, ask ${html(site.contact)}; new access takes effect at your next sign-in.</p>
${requestId}`,
  );
}

/** The text of `bad-request.html`, which Nginx shows for an ambiguous request, usually because of its path. */
export function badRequestPage(): string {
  return page(
    `Invalid address · ${domain}`,
    `<h1>${domain} does not accept this address</h1>
<p>Some parts of this site are restricted. This address is ambiguous: because of an encoded or doubled slash, a “;” or a “..” in it, it could also mean one of them. <a href="/">Go to the start page</a> and find the page from there.</p>
<p>If a link or a program that you need leads here, tell ${contact} and quote the address and the number below.</p>
${requestId}`,
  );
}

/** The text of `unavailable.html`, which Nginx shows if the backend or oauth2-proxy does not answer. */
export function unavailablePage(): string {
  return page(
    `Unavailable · ${domain}`,
    `<h1>${domain} is currently unavailable</h1>
<p>This is not your fault. Try again in a minute. If the problem persists, tell ${contact} and quote the number below.</p>
${requestId}`,
  );
}

/** The text of `blocked.html`, which Nginx shows to somebody who is blocked at every site. */
export function blockedPage(): string {
  return page(
    `Access withdrawn · ${domain}`,
    `<h1>Your access to ${domain} has been withdrawn</h1>
<p>Your account is blocked at this site and at others. Signing in again does not change that. If you think that this is a mistake, ask ${contact} and quote the number below.</p>
${requestId}`,
  );
}

/** The text of `too-many.html`, which Nginx shows to an address that starts more sign-ins than the site allows. */
export function tooManyPage(): string {
  return page(
    `Too many sign-ins · ${domain}`,
    `<h1>Too many sign-ins from your network</h1>
<p>Wait a minute and <a href="/">try again</a>. If this happens to you without a reason, tell ${contact} and quote the number below.</p>
${requestId}`,
  );
}

/** The text of `maintenance.html`, which everybody gets during maintenance. */
export function maintenancePage(site: Site, message: string): string {
  return page(
    `Maintenance · ${site.domain}`,
    `<h1>${site.domain} is closed for maintenance</h1>
<p>${html(message)}</p>
<p>If you have questions, ask ${html(site.contact)}.</p>`,
  );
}

/** What Nginx puts into a page that all sites share: the constants of the server that shows it. */
export const domain = '<!--# echo var="server_name" -->';
export const contactVariable = "$protected_sites_contact";
const contact = `<!--# echo var="${contactVariable.slice(1)}" encoding="none" default="${html(usualSite.contact)}" -->`;

/** Nginx inserts the values; the request ID is also in its log, and the backend gets it. */
const requestId = `<p><small><!--# echo var="status" --> · <!--# echo var="request_id" --> · <!--# echo var="time_iso8601" --></small></p>`;

/** Escapes text for a page; "{" as well, since a page may be a template, and "$" for Nginx. */
export function html(text: string): string {
  const escapes: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "{": "&#123;",
    $: "&#36;",
  };
  return text.replace(/[&<>"{$]/g, (character) => escapes[character] ?? "");
}

/** The text of `signed-out.html`, which Nginx shows after a sign-out. */
export function signedOutPage(): string {
  return page(
    `Signed out · ${domain}`,
    `<h1>You are signed out of ${domain}</h1>
<p><a href="/">Sign in again</a></p>`,
  );
}

/** A whole page. @param head additional lines for its head */
export function page(title: string, body: string, head = ""): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1rem; color: #222; background: #fff; }
h1 { font-size: 1.4rem; }
a { color: #0b57d0; }
small { color: #666; }
</style>
${head}</head>
<body>
${body}
</body>
</html>
`;
}
