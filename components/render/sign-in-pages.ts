/**
 * The pages between a browser that has no session and Entra. They keep, in the browser, what a redirect would lose while
 * the person signs in: what stands behind the "#" of an address, which a server never sees, and what a form sends. Why
 * so: docs/decisions/what-stands-behind-the-hash.md, docs/decisions/forms-without-a-session.md
 */
import { signInPaths } from "../site/names.ts";
import type { Site } from "../site/site.ts";
import { page } from "./pages.ts";

/** Where in the tab the whole address lies meanwhile. */
const kept = "protected-sites-page";

/** Characters of an address that is kept: more than any application needs. */
const longest = 8192;

/**
 * The text of `begin.html`, which a browser gets that opens a page or a frame. In a window it goes on to the sign-in by
 * itself. In a frame, where Entra's pages cannot be shown, a link opens the sign-in in the whole window; it comes back
 * to the page around the frame, where that is one of the site.
 */
export function beginPage(site: Site): string {
  const paths = signInPaths(site);
  return page(
    `Sign-in · ${site.domain}`,
    `<h1>Signing in to ${site.domain}</h1>
<p><a id="begin" href="${paths.start}" target="_top">Sign in</a></p>
<script>
{
  const framed = window.top !== window;
  let wanted = new URL(location.href);
  try {
    if (framed) wanted = new URL(window.top.location.href);
  } catch {
    // Around the frame is another site.
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
      // A browser that keeps nothing loses what stands behind the "#".
    }
  };
  if (framed) link.addEventListener("click", begin);
  else {
    begin();
    location.replace(link.href);
  }
}
</script>`,
    `<noscript><meta http-equiv="refresh" content="0; url=${paths.start}"></noscript>
<meta name="referrer" content="same-origin">
`,
  );
}

/**
 * The text of `not-saved.html`, the answer to a form that is sent without a session. As long as it stays in its tab, the
 * browser can send the same form again; so the sign-in has a tab of its own. Its link says nothing of where it came
 * from: the sign-in leads to the start page, since the form's address may not answer to GET.
 */
export function notSavedPage(site: Site): string {
  return page(
    `Not saved · ${site.domain}`,
    `<h1>You are no longer signed in to ${site.domain}</h1>
<p>What you have just sent was not saved. Your browser still has it:</p>
<ol>
<li><a href="${signInPaths(site).start}" target="_blank" rel="noreferrer">Sign in</a>, in a new tab.</li>
<li>Come back to this tab, and reload it. If your browser asks whether to send the form again, say yes.</li>
</ol>`,
  );
}

/** The text of `return.html`, to which a sign-in leads that began at an address with a "#". */
export function returnPage(site: Site): string {
  return page(
    `Sign-in · ${site.domain}`,
    `<h1>You are signed in to ${site.domain}</h1>
<p><a id="go-on" href="/">Go on</a></p>
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
    // Of another sign-in in this tab, otherwise.
    if (whole.pathname === wanted.pathname && whole.search === wanted.search) wanted = whole;
  } catch {
    // A browser that keeps nothing.
  }
  location.replace(wanted.href);
}
</script>`,
  );
}
