/**
 * The pages between a browser without a session and Entra. They keep, in the browser, what a redirect would lose during
 * the sign-in: an address's fragment, which a server never sees, and what a form sends. See
 * docs/decisions/url-fragments.md, docs/decisions/forms-without-a-session.md
 */
import { signInPaths } from "../site/names.ts";
import type { Pages } from "../site/pages.ts";
import { domain, linkTo, page } from "./pages.ts";
import { wordsIn } from "./words/words.ts";

/** As they are at the site whose server shows the page. */
const paths = signInPaths({ proxyPrefix: '<!--# echo var="protected_sites_proxy_prefix" -->' });

/** The key in the tab's session storage under which the whole address is kept. */
const kept = "protected-sites-page";

/** The longest address to keep, in characters: more than any application needs. */
const longest = 8192;

/**
 * The text of `begin.html`, which a browser gets that opens a page or a frame without a session. In a window it continues
 * to the sign-in automatically. In a frame, where Entra's pages cannot be shown, a link opens the sign-in in the whole
 * window; it returns to the page around the frame, if that belongs to the site.
 */
export function beginPage(pages: Pages): string {
  const signIn = linkTo(paths.start, ' id="begin" target="_top"');
  const { title, heading, paragraphs } = wordsIn(pages.language).begin(domain, signIn);
  return page(pages, {
    title,
    body: `<h1>${heading}</h1>
<p>${paragraphs.join("")}</p>
<script>
{
  const framed = window.top !== window;
  let wanted = new URL(location.href);
  try {
    if (framed) wanted = new URL(window.top.location.href);
  } catch {
    // The frame is on another site's page.
  }
  const path = wanted.pathname + wanted.search;
  const link = document.getElementById("begin");
  const start = (rd) => "${paths.start}?rd=" + encodeURIComponent(location.origin + rd);
  link.href = start(path);
  const begin = () => {
    if (wanted.hash.length < 2 || wanted.href.length > ${longest}) return;
    try {
      sessionStorage.setItem("${kept}", wanted.href);
      link.href = start("${paths.return}?to=" + encodeURIComponent(path));
    } catch {
      // Without session storage, the fragment is lost.
    }
  };
  if (framed) link.addEventListener("click", begin);
  else {
    begin();
    location.replace(link.href);
  }
}
</script>`,
    head: `<noscript><meta http-equiv="refresh" content="0; url=${paths.start}"></noscript>
<meta name="referrer" content="same-origin">
`,
  });
}

/**
 * The text of `not-saved.html`, the response to a form that is sent without a session. As long as it stays in its tab, the
 * browser can resend the form, so the sign-in opens in a new tab. Its link sends no referrer: the sign-in leads to the
 * start page, since the form's address may not support GET.
 */
export function notSavedPage(pages: Pages): string {
  const signIn = linkTo(paths.start, ' target="_blank" rel="noreferrer"');
  const { title, heading, text, steps } = wordsIn(pages.language).notSaved(domain, signIn);
  return page(pages, {
    title,
    body: `<h1>${heading}</h1>
<p>${text}</p>
<ol>
${steps.map((it) => `<li>${it}</li>`).join("\n")}
</ol>`,
  });
}

/** The text of `return.html`, to which a sign-in leads that began at an address with a fragment. */
export function returnPage(pages: Pages): string {
  const { title, heading, paragraphs } = wordsIn(pages.language).signedIn(domain, linkTo("/", ' id="go-on"'));
  return page(pages, {
    title,
    body: `<h1>${heading}</h1>
<p>${paragraphs.join("")}</p>
<script>
{
  const ours = (address) => {
    const url = new URL(address, location.origin);
    return url.origin === location.origin ? url : new URL("/", location.origin);
  };
  let wanted = ours(new URLSearchParams(location.search).get("to") ?? "/");
  try {
    const whole = ours(sessionStorage.getItem("${kept}") ?? "/");
    sessionStorage.removeItem("${kept}");
    // Otherwise it is from another sign-in in this tab.
    if (whole.pathname === wanted.pathname && whole.search === wanted.search) wanted = whole;
  } catch {
    // No session storage.
  }
  location.replace(wanted.href);
}
</script>`,
  });
}
