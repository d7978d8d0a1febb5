/** The pages that people see instead of the site. */
import { pagesPath, signOutPath } from "../site/names.ts";
import type { Language, Pages } from "../site/pages.ts";
import type { Site } from "../site/site.ts";
import { usualSite } from "./usual-site.ts";
import { type Link, type Text, wordsIn } from "./words/words.ts";

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
export function errorPage(pages: Pages): string {
  const is = (...wanted: string[]) => `eq .Message ${wanted.map((it) => JSON.stringify(it)).join(" ")}`;
  const { signInFailed: words } = wordsIn(pages.language);
  const [again, goOn] = [linkTo("{{.Redirect}}"), linkTo("{{.Redirect}}", ' id="go-on"')];
  const says = ([heading, text]: (typeof words)["other"], link: Link) =>
    `<h1>${heading}</h1>\n<p>${text(link)}</p>`;
  return page(pages, {
    title: words.title,
    // oauth2-proxy includes nothing.
    top: topOfPage(pages),
    body: `{{- if ${is(messages.refused)} }}
<h1>${words.refused}</h1>
{{- else if ${is(messages.notBegunHere)} }}
${says(words.expired, goOn)}
${goOnOnce}
{{- else if ${is(messages.ofEntra("access_denied"))} }}
${says(words.cancelled, again)}
{{- else if ${is(messages.ofEntra("temporarily_unavailable"), messages.ofEntra("server_error"))} }}
${says(words.entraUnavailable, again)}
{{- else }}
${says(words.other, again)}
{{- end }}
<p>{{.Footer}}</p>
<p><small>${words.quote} {{.StatusCode}}{{ if .RequestID }} · {{.RequestID}}{{ end }}</small></p>`,
  });
}

/**
 * What a site says below {@link errorPage}, as HTML, which oauth2-proxy does not escape: who has access, and whom to ask.
 * Names in it have been validated.
 */
export function footer(site: Site, tenantId: string, { language }: Pages): string {
  const conditions = {
    emailDomains: site.emailDomains.map((domain) => `@${domain}`),
    byGroup: site.allowedGroups.length > 0,
    byRole: site.roles.length > 0,
  };
  return wordsIn(language).footer(
    site.domain,
    conditions,
    linkTo(signOutPath(site, tenantId)),
    contactOf(site, language),
  );
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
export function forbiddenPage(site: Site, tenantId: string, pages: Pages): string {
  const signOut = linkTo(signOutPath(site, tenantId));
  const by = site.roles.length > 0 ? "role" : "group";
  const contact = contactOf(site, pages.language);
  return numbered(pages, wordsIn(pages.language).forbidden(site.domain, by, toStart, signOut, contact));
}

/** The text of `bad-request.html`, which Nginx shows for an ambiguous request, usually because of its path. */
export function badRequestPage(pages: Pages): string {
  return numbered(pages, wordsIn(pages.language).badRequest(domain, toStart, contactIn(pages)));
}

/** The text of `unavailable.html`, which Nginx shows if the backend or oauth2-proxy does not answer. */
export function unavailablePage(pages: Pages): string {
  return numbered(pages, wordsIn(pages.language).unavailable(domain, contactIn(pages)));
}

/** The text of `blocked.html`, which Nginx shows to somebody who is blocked at every site. */
export function blockedPage(pages: Pages): string {
  return numbered(pages, wordsIn(pages.language).blocked(domain, contactIn(pages)));
}

/** The text of `expired.html`, which Nginx shows to somebody whose role or group has ended on its last day. */
export function expiredPage(site: Site, tenantId: string, pages: Pages): string {
  const signOut = linkTo(signOutPath(site, tenantId));
  const contact = contactOf(site, pages.language);
  return numbered(pages, wordsIn(pages.language).expired(site.domain, toStart, signOut, contact));
}

/** The text of `too-many.html`, which Nginx shows to an address that starts more sign-ins than the site allows. */
export function tooManyPage(pages: Pages): string {
  return numbered(pages, wordsIn(pages.language).tooMany(domain, toStart, contactIn(pages)));
}

/** The text of `maintenance.html`, which everybody gets during maintenance. */
export function maintenancePage(site: Site, message: string, pages: Pages): string {
  const contact = contactOf(site, pages.language);
  return plain(pages, wordsIn(pages.language).maintenance(site.domain, html(message), contact));
}

/** The text of `signed-out.html`, which Nginx shows after a sign-out. */
export function signedOutPage(pages: Pages): string {
  return plain(pages, wordsIn(pages.language).signedOut(domain, toStart));
}

/** What Nginx puts into a page that all sites share: the constants of the server that shows it. */
export const domain = '<!--# echo var="server_name" -->';
export const contactVariable = "$protected_sites_contact";

/** The file with the {@link topOfPage}, where there is one: a logo stands once, and not in each page. */
export const topFile = "top.html";

function contactIn({ language }: Pages): string {
  const usual = html(wordsIn(language).contact);
  return `<!--# echo var="${contactVariable.slice(1)}" encoding="none" default="${usual}" -->`;
}

/** Whom a site's own pages name, as HTML. */
function contactOf({ contact }: Site, language: Language): string {
  return html(contact === usualSite.contact ? wordsIn(language).contact : contact);
}

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

/** A link of a page. @param attributes more of them, with a space before each */
export function linkTo(href: string, attributes = ""): Link {
  return (words) => `<a${attributes} href="${href}">${words}</a>`;
}

const toStart = linkTo("/");

/** A page that says something. */
function plain(pages: Pages, { title, heading, paragraphs }: Text, below = ""): string {
  const text = paragraphs.map((it) => `<p>${it}</p>`).join("\n");
  return page(pages, { title, body: `<h1>${heading}</h1>\n${text}${below}` });
}

/** The same with the number under which Nginx has logged the request. */
function numbered(pages: Pages, text: Text): string {
  return plain(pages, text, `\n${requestId}`);
}

/** What stands on top of each page, as HTML: a line in a color, and a logo or a name. Nothing without any of them. */
export function topOfPage({ name, logo, color }: Pages): string {
  if (name === undefined && logo === undefined && color === undefined) return "";
  const image = logo && `data:image/svg+xml;base64,${Buffer.from(logo).toString("base64")}`;
  const what = image === undefined ? html(name ?? "") : `<img src="${image}" alt="${html(name ?? "")}">`;
  return `<header${color === undefined ? "" : ` style="border-color: ${color}"`}>${what}</header>`;
}

/** A whole page. */
export function page(
  pages: Pages,
  {
    title,
    body,
    head = "",
    top = topOfPage(pages) && `<!--# include virtual="${pagesPath}${topFile}" -->`,
  }: {
    readonly title: string;
    readonly body: string;
    /** More lines for its head. @default none */
    readonly head?: string;
    /** What stands on top. @default the {@link topFile}, which Nginx puts in */
    readonly top?: string;
  },
): string {
  return `<!doctype html>
<html lang="${pages.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
:root { color-scheme: light dark; color: CanvasText; background: Canvas; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1rem; }
header { border-top: .25rem solid; padding-top: 1rem; }
header img { display: block; max-width: 100%; max-height: 4rem; }
h1 { font-size: 1.4rem; }
</style>
${head}</head>
<body>
${top && `${top}\n`}<main>
${body}
</main>
</body>
</html>
`;
}
