/** People of the lab at work: in the browser, and with what their browser holds elsewhere. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

import type { Browser, BrowserContext, Page } from "playwright-core";

import type { Echo } from "../lab/application.ts";
import { type Person, signIn } from "../lab/browser.ts";
import { Visitor } from "../lab/entra/visitor.ts";
import { type Answer, navigation, request, type RequestArgs } from "../lab/http.ts";
import type { Lab } from "../lab/lab.ts";
import { tenantId } from "../sites.ts";

/** A page of a browser that has never been anywhere. */
export async function newPage(browser: Browser): Promise<Page> {
  const context = await browser.newContext();
  return context.newPage();
}

/** Opens an address as somebody who is signed in nowhere yet, and signs in. Ends wherever that leads. */
export async function openAs(browser: Browser, person: Person, url: string): Promise<Page> {
  const page = await newPage(browser);
  await page.goto(url);
  await signIn(page, person);
  return page;
}

/** What the application's page says of who is there, by header. */
export async function shownIdentity(page: Page): Promise<Record<string, string>> {
  const shown: Record<string, string> = {};
  for (const cell of await page.locator("[data-header^=x-auth-request-], [data-header=authorization]").all())
    shown[(await cell.getAttribute("data-header")) ?? ""] = (await cell.textContent()) ?? "";
  return shown;
}

/** The value of a `Cookie` header: all that the browser would send to this address. */
export async function cookieHeader(context: BrowserContext, url: string): Promise<string> {
  const cookies = await context.cookies(url);
  return cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
}

/** A port of this machine behind which one host stands, and then another. */
export async function openSwitch(address: string) {
  const asked = new Set<string>();
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(443, address);
    asked.add(address);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    port,
    /** The addresses that were asked so far. */
    asked: asked as ReadonlySet<string>,
    /** Cuts all connections; the next ones lead elsewhere. */
    switchTo: (other: string) => {
      address = other;
      cut();
    },
    close: () => {
      server.close();
      cut();
    },
  };
}

/** Asks for JSON and reads what the application saw; the answer must be its own. */
export async function echo(args: RequestArgs): Promise<Echo> {
  const answer = await request({ ...args, headers: { accept: "application/json", ...args.headers } });
  return echoOf(answer);
}

/** What the application saw of a request. */
export function echoOf({ status, body }: Pick<Answer, "status" | "body">): Echo {
  if (status !== 200)
    throw new Error(`expected the application's answer, got ${status}: ${body.slice(0, 300)}`);
  return JSON.parse(body) as Echo;
}

/** Somebody with a simple browser, whose requests to sites go to the host that `address` says at that moment. */
export function visitorOf({ ca }: Pick<Lab, "ca">, address: () => string): Visitor {
  return new Visitor({
    ca: readFileSync(ca, "utf8"),
    resolve: (host) => (host.endsWith(".microsoftonline.com") ? undefined : { address: address() }),
  });
}

/** Begins a sign-in at a site on a host, and comes back with a code that Entra does not know. */
export async function failSignIn(domain: string, address: string): Promise<Answer> {
  const began = await request({ url: `https://${domain}/`, address, headers: navigation });
  const state = new URL(began.headers["location"]?.[0] ?? "").searchParams.get("state") ?? "";
  const cookie = (began.headers["set-cookie"] ?? []).map((it) => it.split(";")[0]).join("; ");
  const query = new URLSearchParams({ code: "none", state }).toString();
  const url = `https://${domain}/oauth2/callback?${query}`;
  return request({ url, address, headers: { ...navigation, cookie } });
}

/** A token that a program gets from Entra for itself. @param scope as in `<client ID>/.default` */
export async function tokenFor(
  { clientId, clientSecret }: { readonly clientId: string; readonly clientSecret: string },
  scope: string,
): Promise<string> {
  const response = await fetch(`https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: clientId,
      client_secret: clientSecret,
      scope,
    }),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}
