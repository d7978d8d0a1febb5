/**
 * What is between a request and a site's content, read from the files as hosts get them: not from the model, so that a
 * change of the renderers shows as well as one of the configuration. It refuses to judge what it does not know.
 */
import { CannotJudge, notRead } from "../../components/nginx/cannot-judge.ts";
import { included } from "../../components/nginx/included.ts";
import { withoutNested } from "../../components/nginx/nested.ts";
import { type ReadDirective, readNginx } from "../../components/nginx/read.ts";
import {
  type Definitions,
  definitionsOf,
  expand,
  type Variables,
  variablesOf,
} from "../../components/nginx/variables.ts";
import { signInPaths } from "../../components/site/names.ts";
import { blockedIn, keepsBlockedOut } from "./blocked-list.ts";
import { isMet } from "./conditions.ts";
import { endOfLocation } from "./ends.ts";
import {
  answersItself,
  checkBody,
  checkTop,
  everyDirective,
  isAboutMethods,
  isBelowPath,
  isConstant,
  isPass,
  onlyRefusing,
  ourPages,
  passOf,
  upstreamsOf,
  urlOf,
} from "./known-directives.ts";
import { MembershipReading } from "./memberships.ts";
import { isExpression, type Location, locationFor, locationsOf, normalized, serverFor } from "./locations.ts";
import type { AskedRequest, Gate, Needs, Place } from "./needs.ts";
import { Oauth2ProxyReading } from "./oauth2-proxy-reading.ts";
import { requestVariable } from "./request-variables.ts";
import { type SiteTexts, writtenByHost } from "./site-texts.ts";

/** One site's files, read. */
export class SiteReading {
  readonly domain: string;
  /** Whether anything in the site's file depends on a request's method. */
  readonly methodMatters: boolean;
  /** The methods that are named there. */
  readonly methods: readonly string[];
  readonly #servers: readonly ReadDirective[];
  readonly #blocks: readonly ReadDirective[];
  readonly #definitions: Definitions;
  readonly #upstreams: ReadonlyMap<string, readonly string[]>;
  readonly #nginxLines: readonly string[];
  readonly #oauth2Proxy: Oauth2ProxyReading;
  readonly #blocked: readonly string[];
  readonly #memberships: MembershipReading;
  readonly #ownPort: string | undefined;
  readonly #locations: ReadonlyMap<ReadDirective, readonly Location[]>;

  /** @throws CannotJudge if a file contains something unknown */
  constructor({ domain, nginx, oauth2Proxy, machineClients: programs = "", ...texts }: SiteTexts) {
    this.domain = domain;
    const top = included(readNginx(nginx), (path) => texts.included.get(path) ?? writtenByHost(domain, path));
    this.#servers = top
      .filter(({ name }) => name === "server")
      .map((it) => ({ ...it, body: withoutNested(it.body ?? []) }));
    this.#locations = new Map(this.#servers.map((it) => [it, locationsOf(it)]));
    this.#blocks = [...readNginx(texts.shared), ...top].filter(
      ({ name }) => name === "map" || name === "geo",
    );
    this.#definitions = definitionsOf(this.#blocks);
    const aboutMethods = [...everyDirective(top)].filter(isAboutMethods);
    this.methodMatters = aboutMethods.length > 0;
    this.methods = aboutMethods.flatMap(({ args }) => args.join(" ").match(/\b[A-Z]{3,}\b/g) ?? []);
    this.#upstreams = upstreamsOf(top);
    this.#nginxLines = nginx.split("\n");
    this.#ownPort = [...this.#upstreams].find(([name]) => name.startsWith("oauth2-proxy_"))?.[0];
    checkTop(top);
    for (const server of this.#servers) checkBody(server);
    this.#blocked = blockedIn(texts.blocked, this.#definitions);
    this.#oauth2Proxy = new Oauth2ProxyReading(oauth2Proxy, programs, texts.tenantId);
    this.#memberships = new MembershipReading(domain, this.#definitions, this.#oauth2Proxy, this.locations());
  }

  /** When roles and groups end. */
  get membershipEnds(): Date[] {
    return this.#memberships.ends;
  }

  /** The path prefix of the sign-in. */
  get proxyPrefix(): string {
    return this.#oauth2Proxy.proxyPrefix;
  }

  /** Every location of the site. */
  locations(): Location[] {
    return this.#servers.flatMap((server) => this.#locationsOf(server));
  }

  /** Locations with a regular expression, in the file's order: no list of paths covers which requests they match. */
  expressions(): string[] {
    return this.locations()
      .filter(isExpression)
      .map(({ modifier, match }) => `${modifier} ${match}`);
  }

  /** What a request gets in the location with that regular expression; undefined if there is none. */
  gateOf(expression: string, request: AskedRequest): Gate | undefined {
    const server = serverFor(this.#servers, request.scheme, this.domain);
    const location =
      server &&
      this.#locationsOf(server).find(({ modifier, match }) => `${modifier} ${match}` === expression);
    if (server === undefined || location === undefined) return undefined;
    return this.#at("/", server, request, { depth: 0, errorPages: true, taken: location.directive });
  }

  /** Keys of `map` that match the request's path or method: other places where a decision can hide. */
  mapKeys(variable: RegExp): string[] {
    return this.#blocks
      .filter(({ args }) => !onlyRefusing.test(args[1] ?? ""))
      .filter(({ args }) => variable.test(args[0] ?? ""))
      .flatMap(({ body = [] }) => body.map(({ name }) => name));
  }

  /** @throws CannotJudge if the request reaches something unknown */
  gate(request: AskedRequest): Gate {
    const server = serverFor(this.#servers, request.scheme, this.domain);
    if (server === undefined) return { to: { kind: "answer", status: 444 }, places: [] };
    const path = normalized(request.target);
    if (path === undefined) return { to: { kind: "answer", status: 400 }, places: [] };
    return this.#at(path, server, request, { depth: 0, errorPages: true });
  }

  /** What a backend gets as request headers; `value` gives the variables of the user and the connection. */
  headersFor(
    gate: Gate,
    request: AskedRequest,
    value: Variables,
  ): (readonly [name: string, value: string])[] {
    const server = serverFor(this.#servers, request.scheme, this.domain);
    if (server === undefined || gate.location?.body === undefined) return [];
    const constants = this.#variables([...(server.body ?? []), ...gate.location.body], request);
    const pass = passOf(gate.location.body, constants)?.name ?? "proxy_pass";
    const isHeader = ({ name }: ReadDirective) => name === pass.replace("pass", "set_header");
    const own = gate.location.body.filter(isHeader);
    const inForce = own.length > 0 ? own : (server.body ?? []).filter(isHeader);
    const answers = [...(server.body ?? []), ...gate.location.body].filter(
      ({ name }) => name === "auth_request_set",
    );
    const set = new Map(answers.map(({ args }) => [(args[0] ?? "").slice(1), args[1] ?? ""]));
    // The caller's value of a variable overrides its map, which may use syntax that only Nginx understands.
    const variables: Variables = (name) => value(name) ?? mapped(name);
    const mapped = variablesOf(this.#definitions, (name) => {
      const answer = set.get(name);
      return answer === undefined ? requestVariable(this.domain, name, request) : expand(answer, variables);
    });
    return inForce.map(({ args }) => [args[0] ?? "", expand(args[1] ?? "", variables)] as const);
  }

  #at(
    path: string,
    server: ReadDirective,
    request: AskedRequest,
    how: {
      readonly depth: number;
      readonly errorPages: boolean;
      /** The target of an error page. */
      readonly target?: string;
      /** The location of the request, if its path does not determine it. */
      readonly taken?: ReadDirective;
    },
  ): Gate {
    const { depth, target } = how;
    if (depth > 3) throw notRead("error-page-loop", server, "error pages form a loop");
    const early = this.#rewrite(server.body ?? [], this.#variables(server.body ?? [], request, path));
    if (early !== undefined) return early;

    const location = how.taken ?? locationFor(target ?? path, this.#locationsOf(server));
    if (location === "redirect") {
      return { to: { kind: "answer", status: 301, location: `https://${this.domain}${path}/` }, places: [] };
    }
    const body = location?.body ?? [];
    const variables = this.#variables([...(server.body ?? []), ...body], request, path);
    const here = location ?? server;
    if (target === undefined && body.some(({ name }) => name === "internal")) {
      return { to: { kind: "answer", status: 404 }, places: [this.#place(here)] };
    }
    const answer = this.#rewrite(body, variables);
    if (answer !== undefined) {
      const status = answer.to.kind === "answer" ? answer.to.status : 0;
      const page = this.#errorPage(status, path, body, server, request, how);
      if (page !== undefined) return { ...page, places: [...page.places, this.#place(here)] };
      return { ...answer, places: [...answer.places, this.#place(here)] };
    }
    const refused = this.#limitExcept(body, request);
    if (refused !== undefined) return refused;

    const content: Gate = {
      to: this.#content(body, server, variables, path),
      places: [this.#place(here)],
      ...(location === undefined ? {} : { location, ends: endOfLocation(location) }),
    };
    const auth = this.#inForce("auth_request", body, server);
    // Before a page of the sign-in, the subrequest only decides whether it can be shown.
    if (auth === undefined || auth.args[0] === "off" || content.to.kind === "sign-in") {
      return { ...content, places: [...(auth === undefined ? [] : [this.#place(auth)]), ...content.places] };
    }
    const otherwise = this.#errorPage(401, path, body, server, request, how);
    if (otherwise?.to.kind === "content")
      return { ...content, places: [...otherwise.places, ...content.places] };
    // Whoever is signed in and lacks a group gets what this leads to.
    if (this.#errorPage(403, path, body, server, request, how)?.to.kind === "content")
      throw notRead("refusal-leads-to-content", auth);
    const asked = this.#askedFor(auth, server, request, path);
    const pass = passOf(body, variables);
    const blocked = keepsBlockedOut(pass) ? this.#blocked : [];
    const ended = this.#memberships.endedAt(request.at, { auth, body, pass });
    return this.#guarded(content, { ...asked, needs: { ...asked.needs, blocked, ended } }, auth, otherwise);
  }

  #guarded(
    content: Gate,
    { needs, places }: { readonly needs: Needs; readonly places: readonly Place[] },
    auth: ReadDirective,
    otherwise: Gate | undefined,
  ): Gate {
    return {
      ...content,
      needs,
      otherwise: otherwise?.to ?? { kind: "answer", status: 401 },
      places: [...places, this.#place(auth), ...content.places],
    };
  }

  /** What the subrequest of `auth_request` requires from oauth2-proxy. */
  #askedFor(auth: ReadDirective, server: ReadDirective, request: AskedRequest, path: string) {
    const variables = this.#variables(server.body ?? [], request, path);
    const target = auth.args[0] ?? "";
    const location = locationFor(target.split("?")[0] ?? "", this.#locationsOf(server));
    const pass =
      typeof location === "object" && !answersItself(location)
        ? location.body?.find(({ name }) => name === "proxy_pass")
        : undefined;
    if (location === undefined || location === "redirect" || pass === undefined) {
      throw notRead("unknown-auth-location", auth, `${target} is not a location that passes to oauth2-proxy`);
    }
    const url = urlOf(expand(pass.args[0] ?? "", variables), pass);
    if (url.hostname !== this.#ownPort || url.pathname !== signInPaths(this).auth) {
      throw notRead("other-auth-service", pass, `${url.href} is not the site's oauth2-proxy`);
    }
    this.#refuseOtherAnswers(location, target, server);
    const groups: (readonly string[])[] = [];
    const places: Place[] = [];
    for (const [key, value] of url.searchParams) {
      if (key !== "allowed_groups") {
        throw notRead("unknown-auth-parameter", pass, `${key} is a rule that this review does not know`);
      }
      const any = this.#oauth2Proxy.asGroups(value.split(",").filter((it) => it !== ""));
      // An empty rule is none, https://oauth2-proxy.github.io/oauth2-proxy/features/endpoints
      if (any.length > 0) {
        groups.push(any);
        places.push(this.#place(pass));
      }
    }
    const { needs, places: everywhere } = this.#oauth2Proxy.needs();
    return {
      needs: { ...needs, groups: [...groups, ...needs.groups] },
      places: [...places, ...everywhere],
    };
  }

  /** An error page of the subrequest would be its response, and if that succeeds, everybody gets in. */
  #refuseOtherAnswers(location: ReadDirective, target: string, server: ReadDirective): void {
    const body = location.body ?? [];
    const intercept = this.#inForce("proxy_intercept_errors", body, server);
    if (intercept?.args[0] === "on") throw notRead("answer-intercepted", intercept);
    const elsewhere = this.#errorPages(body, server).find(
      // To Nginx, oauth2-proxy's own 401 is not an error. The question may be asked again.
      ({ args }) =>
        args.some((it) => it.startsWith("=")) &&
        args[0] !== "401" &&
        ![target, "$uri"].includes(args.at(-1) ?? ""),
    );
    if (elsewhere !== undefined) throw notRead("answer-replaced", elsewhere);
  }

  #errorPages(body: readonly ReadDirective[], server: ReadDirective): readonly ReadDirective[] {
    const own = body.filter(({ name }) => name === "error_page");
    return own.length > 0 ? own : (server.body ?? []).filter(({ name }) => name === "error_page");
  }

  #rewrite(body: readonly ReadDirective[], variables: Variables): Gate | undefined {
    for (const directive of body) {
      const { name } = directive;
      if (name === "return") return this.#returned(directive, variables);
      if (name === "if" && !isPass(directive) && isMet(directive, variables)) {
        const [then, ...others] = directive.body ?? [];
        if (then?.name !== "return" || others.length > 0) throw notRead("if-without-return", directive);
        return this.#returned(then, variables);
      }
      if (name === "rewrite" && !isBelowPath(directive)) throw notRead("rewrite", directive);
      if (name === "set" && !isConstant(directive)) throw notRead("set-from-request", directive);
    }
    return undefined;
  }

  #returned(directive: ReadDirective, variables: Variables): Gate {
    const status = Number(directive.args[0]);
    const location = status >= 300 && status < 400 ? expand(directive.args[1] ?? "", variables) : undefined;
    return {
      to: { kind: "answer", status, ...(location === undefined ? {} : { location }) },
      places: [this.#place(directive)],
    };
  }

  #limitExcept(body: readonly ReadDirective[], { method }: AskedRequest): Gate | undefined {
    for (const directive of body.filter(({ name }) => name === "limit_except")) {
      if (directive.body?.map((it) => [it.name, ...it.args].join(" ")).join() !== "deny all")
        throw notRead("limit-except", directive);
      const allowed = directive.args.includes("GET") ? [...directive.args, "HEAD"] : directive.args;
      if (!allowed.includes(method))
        return { to: { kind: "answer", status: 403 }, places: [this.#place(directive)] };
    }
    return undefined;
  }

  #content(
    body: readonly ReadDirective[],
    server: ReadDirective,
    variables: Variables,
    requested: string,
  ): Gate["to"] {
    const pass = passOf(body, variables);
    if (pass !== undefined) {
      // A path of the backend, followed by the request's own.
      const address = this.#memberships.addressOf(pass);
      const below = /^(https?:\/\/[^/$]+)((?:\/[\w.~-]+)+)\$request_uri$/.exec(address);
      const target = expand(below?.[1] ?? address, variables);
      const { protocol, hostname } = urlOf(target, pass);
      if (hostname === this.#ownPort) return { kind: "sign-in", what: requested };
      const servers = this.#upstreams.get(hostname);
      const path =
        below === null ? body.find(isBelowPath)?.args[1]?.replace("$uri", "/") : `${below[2] ?? ""}/`;
      const what = servers === undefined ? target : `${protocol}//${servers.join(", ")}`;
      return { kind: "content", what: `${what}${path ?? ""}` };
    }
    const files = body.find(({ name }) => name === "alias") ?? this.#inForce("root", body, server);
    if (files === undefined) return { kind: "answer", status: 404 };
    const folder = files.args[0] ?? "";
    // The pages of the sign-in and the responses to ACME challenges are ours and reveal nothing of the site.
    if (folder === "/var/www/certbot" || ourPages.test(folder)) return { kind: "sign-in", what: requested };
    return { kind: "content", what: `files of ${folder}` };
  }

  /** Where an error leads, https://nginx.org/en/docs/http/ngx_http_core_module.html#error_page */
  #errorPage(
    status: number,
    path: string,
    body: readonly ReadDirective[],
    server: ReadDirective,
    request: AskedRequest,
    { depth, errorPages }: { readonly depth: number; readonly errorPages: boolean },
  ): Gate | undefined {
    if (!errorPages || status < 300) return undefined;
    const target = this.#errorPages(body, server)
      .find(({ args }) => args.includes(String(status)))
      ?.args.at(-1);
    if (target === undefined) return undefined;
    if (target.includes("$"))
      throw new CannotJudge("error-page-from-request", `error_page ${target} is not supported`);
    const recursive = this.#inForce("recursive_error_pages", body, server)?.args[0] === "on";
    // A named location keeps the request's own path.
    const next = target.startsWith("@") ? path : target;
    return this.#at(next, server, request, { depth: depth + 1, errorPages: recursive, target });
  }

  #inForce(name: string, body: readonly ReadDirective[], server: ReadDirective): ReadDirective | undefined {
    return body.find((it) => it.name === name) ?? server.body?.find((it) => it.name === name);
  }

  #locationsOf(server: ReadDirective): readonly Location[] {
    return this.#locations.get(server) ?? [];
  }

  /** @param inForce directives that are in force; each `set` among them is of a constant */
  #variables(inForce: readonly ReadDirective[], request: AskedRequest, path?: string): Variables {
    const constants = new Map(
      inForce.filter(({ name }) => name === "set").map(({ args }) => [args[0]?.slice(1), args[1]]),
    );
    return variablesOf(
      this.#definitions,
      (name) => constants.get(name) ?? requestVariable(this.domain, name, request, path),
    );
  }

  #place({ line, name, args, file }: ReadDirective): Place {
    if (file !== undefined) return { file, line, text: `${[name, ...args].join(" ")};` };
    return { file: "nginx.conf", line, text: (this.#nginxLines[line - 1] ?? "").trim().replace(/ \{$/, "") };
  }
}
