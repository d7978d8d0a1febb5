/**
 * A person with a very simple browser: it keeps cookies, follows redirects and submits forms, and runs no scripts.
 * Many of them at once cost little.
 */
import { request as plainRequest } from "node:http";
import { Agent, request as tlsRequest } from "node:https";
import type { IncomingMessage } from "node:http";
import { once } from "node:events";

/** What came back, and from where. */
export interface Page {
  readonly url: string;
  readonly status: number;
  /** By lower-case name; several values are joined, except for cookies, which the visitor keeps to itself. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How a visitor reaches hosts. */
export interface VisitorArgs {
  /** Authority to trust, in PEM. @default Node's own */
  readonly ca?: string;
  /** The address that stands behind a host name, or undefined for what the system says. */
  readonly resolve?: (host: string) => { readonly address: string; readonly port?: number } | undefined;
  /** Redirects to these are not followed: the visit ends there, at a page without a body. */
  readonly stopAt?: (url: URL) => boolean;
}

/** What to send. */
export interface Visit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const agent = new Agent({ keepAlive: false });

interface Cookie {
  readonly value: string;
  readonly path: string;
}

/** One person's browser. */
export class Visitor {
  readonly #args: VisitorArgs;
  /** By host, then by name and path. */
  readonly #cookies = new Map<string, Map<string, Cookie & { readonly name: string }>>();

  constructor(args: VisitorArgs = {}) {
    this.#args = args;
  }

  /** Opens a URL and follows redirects. @throws after 20 of them */
  async open(url: string, visit: Visit = {}): Promise<Page> {
    let page = await this.fetch(url, visit);
    for (let count = 0; page.status >= 300 && page.status < 400; count++) {
      const next = new URL(page.headers["location"] ?? "", page.url);
      if (this.#args.stopAt?.(next)) return { ...page, url: next.href, body: "" };
      if (count === 20) throw new Error(`more than 20 redirects from ${url}`);
      page = await this.fetch(next.href);
    }
    return page;
  }

  /** Submits the form of a page, its own fields and the given ones, and follows redirects. */
  async submit(page: Page, fields: Readonly<Record<string, string>>): Promise<Page> {
    const [, form] = /(<form[\s\S]*?<\/form>)/.exec(page.body) ?? [];
    if (form === undefined)
      throw new Error(`no form at ${page.url}: ${page.status} ${page.body.slice(0, 500)}`);
    const body = new URLSearchParams();
    for (const [, name, value] of form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g))
      body.set(plain(name ?? ""), plain(value ?? ""));
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    const [, action = ""] = /action="([^"]*)"/.exec(form) ?? [];
    return this.open(new URL(plain(action), page.url).href, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: body.toString(),
    });
  }

  /** From Entra's page for the name to wherever the sign-in leads. */
  async signIn(
    page: Page,
    { userPrincipalName, password }: { readonly userPrincipalName: string; readonly password: string },
  ): Promise<Page> {
    const next = await this.submit(page, { loginfmt: userPrincipalName });
    return this.submit(next, { passwd: password });
  }

  /** One request with this visitor's cookies; redirects are not followed. */
  async fetch(url: string, { method = "GET", headers = {}, body }: Visit = {}): Promise<Page> {
    const at = new URL(url);
    const place = this.#args.resolve?.(at.hostname);
    const cookies = this.#cookiesFor(at);
    const options = {
      hostname: place?.address ?? at.hostname,
      port: place?.port ?? at.port,
      servername: at.hostname,
      path: at.pathname + at.search,
      method,
      // As much as Chromium takes.
      maxHeaderSize: 256 * 1024,
      headers: { host: at.host, ...headers, ...(cookies === "" ? {} : { cookie: cookies }) },
      // Remembers TLS sessions, which makes handshakes cheap, and keeps no connection.
      ...(at.protocol === "https:" ? { agent } : {}),
      ...(this.#args.ca === undefined ? {} : { ca: this.#args.ca }),
    };
    const sent = at.protocol === "https:" ? tlsRequest(options) : plainRequest(options);
    const answered = once(sent, "response") as Promise<[IncomingMessage]>;
    sent.end(body);
    const [response] = await answered;
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    for (const cookie of response.headers["set-cookie"] ?? []) this.#keep(at, cookie);
    const plainHeaders = Object.entries(response.headersDistinct).map(([name, values = []]) => [
      name,
      values.join(", "),
    ]);
    return {
      url,
      status: response.statusCode ?? 0,
      headers: Object.fromEntries(plainHeaders) as Record<string, string>,
      body: Buffer.concat(chunks).toString(),
    };
  }

  /** The names of the cookies that this host has set. */
  cookieNames(host: string): string[] {
    return [...(this.#cookies.get(host)?.values() ?? [])].map(({ name }) => name);
  }

  /** The value of a `Cookie` header for this URL. */
  cookieHeader(url: string): string {
    return this.#cookiesFor(new URL(url));
  }

  #cookiesFor({ hostname, pathname }: URL): string {
    const all = [...(this.#cookies.get(hostname)?.values() ?? [])];
    const sent = all.filter(
      ({ path }) => path === "/" || pathname === path || pathname.startsWith(`${path}/`),
    );
    return sent.map(({ name, value }) => `${name}=${value}`).join("; ");
  }

  #keep({ hostname }: URL, header: string): void {
    const [pair = "", ...attributes] = header.split(/; ?/);
    const name = pair.slice(0, pair.indexOf("="));
    const value = pair.slice(pair.indexOf("=") + 1);
    const attribute = (wanted: string) => {
      const found = attributes.find((text) => text.toLowerCase().startsWith(`${wanted}=`));
      return found?.slice(wanted.length + 1);
    };
    const path = attribute("path") ?? "/";
    const jar = this.#cookies.get(hostname) ?? new Map<string, Cookie & { readonly name: string }>();
    this.#cookies.set(hostname, jar);
    const expires = attribute("expires");
    const maxAge = attribute("max-age");
    const gone =
      (expires !== undefined && Date.parse(expires) <= Date.now()) ||
      (maxAge !== undefined && Number(maxAge) <= 0);
    if (gone) jar.delete(`${name} ${path}`);
    else jar.set(`${name} ${path}`, { name, value, path });
  }
}

function plain(html: string): string {
  return html
    .replaceAll("&quot;", '"')
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}
