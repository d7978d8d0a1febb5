/** The pages that a person meets instead of the site, in words that help the one in front of them. */
import { signOutPath } from "../site/names.ts";
import type { Site } from "../site/site.ts";

/**
 * What oauth2-proxy's template gets as `.Message`, by https://github.com/oauth2-proxy/oauth2-proxy/blob/v7.15.3/oauthproxy.go
 * (`OAuthCallback`) and pkg/app/pagewriter/error_page.go: all of it comes with status 403.
 */
const messages = {
  refused: "You do not have permission to access this resource.",
  notBegunHere: "Login Failed: Unable to find a valid CSRF token. Please try again.",
  ofEntra: (error: string) => `Login Failed: The upstream identity provider returned an error: ${error}`,
};

/**
 * The text of `error.html`, a Go template, https://oauth2-proxy.github.io/oauth2-proxy/configuration/overview
 * (`custom_templates_dir`). Names in it have passed the model's checks and need no escaping. What anybody can put into
 * the callback's address is compared, and never shown. `.Redirect` is where the sign-in was to lead, checked by
 * oauth2-proxy: see callbackLocation.
 */
export function errorPage(site: Site, tenantId: string): string {
  const domains = site.emailDomains.map((domain) => `@${domain}`).join(" or ");
  const conditions = [
    ...(domains === "" ? [] : [`whose account ends in ${domains}`]),
    ...(site.allowedGroups.length > 0
      ? ["who are a member of a group that has been given access to it"]
      : []),
    ...(site.roles.length > 0 ? ["who have been given a role in it"] : []),
  ];
  const is = (...wanted: string[]) => `eq .Message ${wanted.map((it) => JSON.stringify(it)).join(" ")}`;
  return page(
    `Sign-in · ${site.domain}`,
    `{{- if ${is(messages.refused)} }}
<h1>Your account may not open ${site.domain}</h1>
<p>This site is open to people ${conditions.join(" and ")}.</p>
<p>If you have another account, <a href="${signOutPath(site, tenantId)}">sign out</a> and use it. If you should have access, ask ${html(site.contact)}.</p>
{{- else if ${is(messages.notBegunHere)} }}
<h1>This sign-in to ${site.domain} was open for too long</h1>
<p>A sign-in has to end within half an hour, and a browser keeps the last few that it has begun. <a id="go-on" href="{{.Redirect}}">Go on to ${site.domain}</a>; you may have to sign in once more. If you end here again at once, your browser does not keep the cookies of ${site.domain}.</p>
${goOnOnce}
{{- else if ${is(messages.ofEntra("access_denied"))} }}
<h1>You are not signed in to ${site.domain}</h1>
<p>The sign-in was cancelled, or Microsoft did not let you go on. <a href="{{.Redirect}}">Sign in</a>, or, if you have another account, <a href="${signOutPath(site, tenantId)}">sign out</a> and use it. If you end here without having cancelled anything, ask ${html(site.contact)}, with the number below.</p>
{{- else if ${is(messages.ofEntra("temporarily_unavailable"), messages.ofEntra("server_error"))} }}
<h1>Microsoft's sign-in is not available at the moment</h1>
<p>That is not your fault, and ${site.domain} can do nothing about it. <a href="{{.Redirect}}">Try again</a> in a minute; if it goes on, tell ${html(site.contact)}, with the number below.</p>
{{- else }}
<h1>Signing in to ${site.domain} did not work</h1>
<p>That is not your fault. <a href="{{.Redirect}}">Try again</a>; if it goes on, tell ${html(site.contact)}, with the number below.</p>
{{- end }}
<p><small>{{.StatusCode}}{{ if .RequestID }} · {{.RequestID}}{{ end }}</small></p>`,
  );
}

/** Follows the link by itself, but once a minute in a tab: a browser that keeps no cookies would go round for ever. */
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
    // A browser that keeps nothing leaves it to the person.
  }
}
</script>`;

/** The text of `forbidden.html`, which Nginx shows where a rule by path refuses somebody of the site. */
export function forbiddenPage(site: Site, tenantId: string): string {
  return page(
    `No access · ${site.domain}`,
    `<h1>Your account may not open this part of ${site.domain}</h1>
<p>It needs a ${site.roles.length > 0 ? "role that your account does not have" : "group that your account is not in"}. <a href="/">Go to the start page</a>, or, if you have another account, <a href="${signOutPath(site, tenantId)}">sign out</a> and use it. If you should have access, ask ${html(site.contact)}; what is newly given counts from the next sign-in.</p>
${requestId}`,
  );
}

/** The text of `bad-request.html`, which Nginx shows where it cannot read a request, above all its path, in one way. */
export function badRequestPage(site: Site): string {
  return page(
    `Address not understood · ${site.domain}`,
    `<h1>${site.domain} does not understand this address</h1>
<p>Some parts of this site are not for everybody. The address could be read as one of them and as another page, because of a slash that is encoded or doubled, a “;”, or a “..” in it. So nobody gets it. <a href="/">Go to the start page</a> and find the page from there.</p>
<p>If a link or a program that you need leads here, tell ${html(site.contact)}, with the address and the number below.</p>
${requestId}`,
  );
}

/** The text of `unavailable.html`, which Nginx shows where the backend or oauth2-proxy does not answer. */
export function unavailablePage(site: Site): string {
  return page(
    `Not available · ${site.domain}`,
    `<h1>${site.domain} does not answer</h1>
<p>That is not your fault. Try again in a minute; if it goes on, tell ${html(site.contact)}, with the number below.</p>
${requestId}`,
  );
}

/** The text of `too-many.html`, which Nginx shows to an address that begins more sign-ins than the site allows. */
export function tooManyPage(site: Site): string {
  return page(
    `Too many sign-ins · ${site.domain}`,
    `<h1>Too many sign-ins from your network</h1>
<p>Wait a minute and <a href="/">try again</a>. If this meets people who have done nothing, tell ${html(site.contact)}, with the number below.</p>
${requestId}`,
  );
}

/** The text of `maintenance.html`, which everybody gets while the site is closed for work on it. */
export function maintenancePage(site: Site, message: string): string {
  return page(
    `Maintenance · ${site.domain}`,
    `<h1>${site.domain} is closed for maintenance</h1>
<p>${html(message)}</p>
<p>Questions go to ${html(site.contact)}.</p>`,
  );
}

/** Nginx puts the value in; the same is in its log, and the backend has got it. */
const requestId = `<p><small><!--# echo var="status" --> · <!--# echo var="request_id" --> · <!--# echo var="time_iso8601" --></small></p>`;

/** Text as a page shows it; a "{" would be the template's, where the page is one. */
function html(text: string): string {
  const escapes: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "{": "&#123;",
  };
  return text.replace(/[&<>"{]/g, (character) => escapes[character] ?? "");
}

/** The text of `signed-out.html`, which Nginx shows after a sign-out. */
export function signedOutPage(site: Site): string {
  return page(
    `Signed out · ${site.domain}`,
    `<h1>You are signed out of ${site.domain}</h1>
<p><a href="/">Sign in again</a></p>`,
  );
}

/** A whole page. @param head more for its head, lines that end in a line break */
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
