/** Pictures of the pages that people see in place of a site, as Debian's Chromium shows the files that hosts get. */
import { existsSync } from "node:fs";

import { parse } from "smol-toml";

import { html } from "../components/render/pages.ts";
import type { Environment } from "../infra/environment.ts";
import { renderedEnvironment, type RenderedFile } from "../infra/review/rendering.ts";
import { sharedFolder } from "../infra/review/site-texts.ts";
import { executable, openBrowser } from "../test/lab/browser.ts";

/** A page: the file, its status, and when it is shown. */
type Shown = readonly [file: string, status: number, when: string];

const shared: readonly Shown[] = [
  ["not-saved.html", 401, "Somebody sends a form when the session has ended"],
  ["blocked.html", 403, "Somebody is blocked at every site"],
  ["too-many.html", 429, "An address starts more sign-ins than the site allows"],
  ["bad-request.html", 400, "An address is spelled in an ambiguous way"],
  ["unavailable.html", 502, "The backend does not answer"],
  ["signed-out.html", 200, "Somebody has signed out"],
];
const ofSites: readonly Shown[] = [
  ["forbidden.html", 403, "A path requires a group that somebody is not in"],
  ["expired.html", 403, "A role or group has ended that somebody had for some time"],
  ["maintenance.html", 503, "The site is in maintenance"],
];
/** The cases of `error.html`, in its order. */
const errors: readonly (readonly [status: number, when: string])[] = [
  [403, "The account has no access to the site"],
  [403, "The sign-in page stayed open for too long"],
  [403, "Somebody cancels the sign-in"],
  [403, "Microsoft's sign-in is down"],
  [500, "Any other failure of a sign-in"],
];

interface Page {
  readonly name: string;
  readonly when: string;
  readonly html: string;
}

/** @returns what stands in a page of the site, and the images that it names, by their paths */
export async function peoplesPages(
  environment: Environment,
): Promise<{ readonly text: string; readonly images: ReadonlyMap<string, Uint8Array> }> {
  if (!existsSync(executable))
    return {
      text: `_Built without ${executable}, which takes the pictures of these pages._`,
      images: new Map(),
    };
  const images = new Map<string, Uint8Array>();
  const figures: string[] = [];
  const browser = await openBrowser();
  try {
    // Pages that go on by themselves stay.
    const context = await browser.newContext({
      javaScriptEnabled: false,
      viewport: { width: 640, height: 400 },
      deviceScaleFactor: 2,
    });
    const page = await context.newPage();
    for (const { name, when, html: text } of pages(environment)) {
      await page.setContent(text);
      const words = (await page.locator("body").innerText()).replaceAll(/\s+/g, " ");
      const path = `pictures/${name}.png`;
      images.set(path, await page.screenshot());
      figures.push(
        `<figure class="picture">\n<img src="./${path}" alt="${html(words)}" loading="lazy" width="640" height="400">\n<figcaption>${html(when)}</figcaption>\n</figure>`,
      );
    }
  } finally {
    await browser.close();
  }
  return { text: `<div class="pages">\n${figures.join("\n")}\n</div>`, images };
}

function pages(environment: Environment): Page[] {
  const { hostFiles = [], siteFiles = {} } = renderedEnvironment(environment);
  const [site] = environment.sites;
  if (site === undefined) throw new Error("the example has no site");
  const text = (files: readonly RenderedFile[], name: string) => {
    const found = files.find((it) => it.name === name);
    if (found === undefined) throw new Error(`expected ${name} among the files that a host gets`);
    return found.text;
  };
  const { footer } = parse(text(siteFiles[site.name] ?? [], "oauth2-proxy.cfg")) as {
    readonly footer: string;
  };
  const cases = casesOf(text(hostFiles, `${sharedFolder}/error.html`));
  if (cases.length !== errors.length)
    throw new Error(`error.html: expected ${errors.length} cases, got ${cases.length}`);
  const shown = (file: string, status: number, when: string, page: string): Page => ({
    name: file.replace(".html", ""),
    when,
    html: filled(page, { domain: site.domain, contact: site.contact, status, footer }),
  });
  const all = Object.values(siteFiles).flat();
  return [
    ...errors.map(([status, when], index) =>
      shown(`error-${index + 1}.html`, status, when, cases[index] ?? ""),
    ),
    ...ofSites.map(([file, status, when]) => shown(file, status, when, text(all, file))),
    ...shared.map(([file, status, when]) =>
      shown(file, status, when, text(hostFiles, `${sharedFolder}/${file}`)),
    ),
  ];
}

/** What a Go template can become: once with each case of its if … else if … else … end. */
function casesOf(template: string): string[] {
  const [, before = "", body = "", after = ""] =
    /^(.*?)\{\{- if .*?\}\}(.*)\{\{- end \}\}(.*)$/s.exec(template) ?? [];
  return body.split(/\{\{- else(?: if .*?)? \}\}/).map((it) => `${before}${it}${after}`);
}

interface Values {
  readonly domain: string;
  readonly contact: string;
  readonly status: number;
  readonly footer: string;
}

/** Inserts what Nginx and oauth2-proxy insert. @throws Error for anything else that they would have to insert */
function filled(page: string, { domain, contact, status, footer }: Values): string {
  const requestId = "8f14e45fceea167a5a36dedd4bea2543";
  const values: Readonly<Record<string, string>> = {
    server_name: domain,
    protected_sites_contact: html(contact),
    protected_sites_proxy_prefix: "/oauth2",
    status: String(status),
    request_id: requestId,
    time_iso8601: "2026-12-01T09:00:00+00:00",
    Redirect: "/",
    Footer: footer,
    StatusCode: String(status),
    RequestID: requestId,
  };
  const text = page
    .replaceAll(/<!--# echo var="(\w+)".*?-->/g, (whole, name: string) => values[name] ?? whole)
    .replaceAll(/\{\{ if \.\w+ \}\}(.*?)\{\{ end \}\}/g, "$1")
    .replaceAll(/\{\{\.(\w+)\}\}/g, (whole, name: string) => values[name] ?? whole);
  const left = /<!--#.*?-->|\{\{.*?\}\}/.exec(text);
  if (left !== null) throw new Error(`a page that people see: nothing is known of ${left[0]}`);
  return text;
}
