/** Somebody signed in who uses an application, with a browser and with other clients; what an application's facts use. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";
import type { Browser, BrowserContext, Page, Request } from "playwright-core";

import { signIn } from "../lab/browser.ts";
import { type Answer, request, type RequestArgs } from "../lab/http.ts";
import { people } from "../e2e/instance.ts";
import { cookieHeader, tokenFor } from "../e2e/people.ts";
import type { Place } from "./application.ts";

/** What somebody does at one application. */
export interface Visit extends Place {
  /** ada's browser: signed in, once {@link open} has been called. */
  readonly context: BrowserContext;
  /** What the site has answered with 400 and above to ada's tabs, or not at all: `404 GET /favicon.ico`. */
  readonly failures: string[];
  /** A new tab of ada's; the first one goes through the sign-in. @param path with its query and fragment */
  readonly open: (path?: string) => Promise<Page>;
  /** The tab that was opened first. */
  readonly tab: () => Page;
  /** The `Cookie` header of ada's browser, which is signed in. */
  readonly cookie: () => Promise<string>;
  /** As a program of ada's would ask: with her session, and following nothing. */
  readonly ask: (path: string, more?: Partial<RequestArgs>) => Promise<Answer>;
  /** A token of the tenant for the site, of the program that its roles name. */
  readonly token: () => Promise<string>;
  /** Her session ends, while her tabs stay open: the site's cookies are gone. */
  readonly endSession: () => Promise<void>;
  /** The application ends and starts again. */
  readonly restart: () => Promise<void>;
  /** Runs a client; what it prints, in one text. @throws where it fails, with what it printed */
  readonly run: (
    command: readonly string[],
    options?: {
      readonly environment?: Readonly<Record<string, string>>;
      readonly input?: string;
      readonly cwd?: string;
    },
  ) => Promise<string>;
}

/** @param restart ends the application and starts it again */
export async function visitOf(browser: Browser, place: Place, restart: () => Promise<void>): Promise<Visit> {
  const { origin, ca } = place;
  const context = await browser.newContext({ acceptDownloads: true, viewport: { width: 1280, height: 800 } });
  const failures: string[] = [];
  let signedIn = false;
  const told = (what: string | number, asked: Request) => {
    const { origin: host, pathname, search } = new URL(asked.url());
    if (host === origin) failures.push(`${what} ${asked.method()} ${pathname}${search}`);
  };
  context.on("response", (response) => {
    const asked = response.request();
    // The page on which a sign-in begins.
    if (response.status() === 401 && asked.isNavigationRequest()) return;
    if (response.status() >= 400) told(response.status(), asked);
  });
  context.on("requestfailed", (failed) => {
    const why = failed.failure()?.errorText ?? "failed";
    // One that becomes a download, or whose page goes on to another before it has ended.
    if (why === "net::ERR_ABORTED" && failed.isNavigationRequest()) return;
    told(why, failed);
  });
  const cookie = () => cookieHeader(context, `${origin}/`);
  return {
    ...place,
    context,
    failures,
    open: async (path = "/") => {
      const page = await context.newPage();
      await page.goto(`${origin}${path}`);
      if (!signedIn) await signIn(page, people.ada);
      signedIn = true;
      return page;
    },
    tab: () => {
      const [page] = context.pages();
      if (page === undefined) throw new Error("no tab is open");
      return page;
    },
    cookie,
    ask: async (path, { headers = {}, ...more } = {}) =>
      request({
        url: `${origin}${path}`,
        headers: { cookie: await cookie(), accept: "*/*", ...headers },
        ...more,
      }),
    token: () => tokenFor(place.robot, `${place.clientId}/.default`),
    endSession: async () => {
      for (const { name, domain } of await context.cookies(`${origin}/`))
        if (/^(?:__Host-)?_oauth2_proxy/.test(name)) await context.clearCookies({ name, domain });
    },
    restart,
    run: async ([file = "", ...args], { environment = {}, input = "", cwd = place.folder } = {}) => {
      const env = { HOME: place.folder, GIT_SSL_CAINFO: ca, SSL_CERT_FILE: ca, ...environment };
      const { all } = await execa(file, args, { env, input, cwd, all: true });
      return all;
    },
  };
}

/** Pictures of all open tabs, for who wants to see them. */
export async function photograph({ context }: Visit, folder: string, name: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [index, page] of context.pages().entries())
    await page.screenshot({ path: join(folder, `${name}-${index + 1}.png`) }).catch(() => undefined);
}
