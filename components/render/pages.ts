/** The pages that a person meets instead of the site, in words that help the one in front of them. */
import { signOutPath } from "../site/names.ts";
import type { Site } from "../site/site.ts";

/**
 * The text of `error.html`, a Go template, https://oauth2-proxy.github.io/oauth2-proxy/configuration/overview
 * (`custom_templates_dir`). Names in it have passed the model's checks and need no escaping.
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
  return page(
    `{{.Title}} · ${site.domain}`,
    `{{- if eq .StatusCode 403 }}
<h1>Your account may not open ${site.domain}</h1>
<p>This site is open to people ${conditions.join(" and ")}.</p>
<p>If you have another account, <a href="${signOutPath(site.domain, tenantId)}">sign out</a> and use it. If you should have access, ask ${html(site.contact)}.</p>
{{- else }}
<h1>Signing in to ${site.domain} did not work</h1>
<p>This is often a sign-in page that stayed open for too long. <a href="/">Try again</a>; if it keeps happening, tell ${html(site.contact)}, with the number below.</p>
{{- end }}
<p><small>{{.StatusCode}}{{ if .RequestID }} · {{.RequestID}}{{ end }}</small></p>`,
  );
}

/** The text of `forbidden.html`, which Nginx shows where a rule by path refuses somebody of the site. */
export function forbiddenPage(site: Site, tenantId: string): string {
  return page(
    `No access · ${site.domain}`,
    `<h1>Your account may not open this part of ${site.domain}</h1>
<p>It needs a ${site.roles.length > 0 ? "role that your account does not have" : "group that your account is not in"}. <a href="/">Go to the start page</a>, or, if you have another account, <a href="${signOutPath(site.domain, tenantId)}">sign out</a> and use it. If you should have access, ask ${html(site.contact)}; what is newly given counts from the next sign-in.</p>
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

function page(title: string, body: string): string {
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
</head>
<body>
${body}
</body>
</html>
`;
}
