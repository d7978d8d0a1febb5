/**
 * What is between a request and a site's content, read from the files as hosts get them: not from the model, so that a
 * change of the renderers shows as well as one of the configuration. It refuses to judge what it does not know.
 */
import { parse } from "smol-toml";

import { authCacheKey } from "../../components/render/nginx/auth-cache.ts";
import { brokenPromises } from "../../components/render/oauth2-proxy-settings.ts";
import { defaultProxyPrefix, signInPaths } from "../../components/site/names.ts";
import { tenantEndpoints } from "../../components/site/tenant.ts";
import { CannotJudge, notRead, placeOf } from "../../components/nginx/cannot-judge.ts";
import { included } from "../../components/nginx/included.ts";
import { withoutNested } from "../../components/nginx/nested.ts";
import { type ReadDirective, readNginx } from "../../components/nginx/read.ts";
import {
  type Definitions,
  definitionsOf,
  expand,
  regularExpression,
  type Variables,
  variablesOf,
} from "../../components/nginx/variables.ts";
import { type SiteTexts, writtenByHost } from "./site-texts.ts";

/** A request as a client sends it. */
export interface AskedRequest {
  readonly scheme: "http" | "https";
  readonly method: string;
  /** Path and query, as in `/a%20b?c=d`. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Whom oauth2-proxy lets in. */
export interface Needs {
  /** Allowed domains of the user's UPN; `*` is any. */
  readonly emailDomains: readonly string[];
  /** Who passes by name, whatever the domain: applications, by the object IDs in their tokens. */
  readonly programs: readonly string[];
  /** The user must be in at least one of each list; a role of the site's registration is `role <value>`. */
  readonly groups: readonly (readonly string[])[];
}

/** A line of a file that hosts get. */
export interface Place {
  /** `nginx.conf`, `oauth2-proxy.cfg`, or the path of a file that is included. */
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** What happens to a request. */
export interface Gate {
  /** Where it ends: content of the site, the sign-in's own pages, or a response of Nginx. */
  readonly to:
    | { readonly kind: "content"; readonly what: string }
    | { readonly kind: "sign-in"; readonly what: string }
    | { readonly kind: "answer"; readonly status: number; readonly location?: string };
  /** Who gets there; undefined if anybody does. */
  readonly needs?: Needs;
  /** Where those end up who are not signed in, or not allowed. */
  readonly otherwise?: Gate["to"];
  /** The lines that decide, the most relevant first. */
  readonly places: readonly Place[];
  /** The location, and what it passes on: for {@link SiteReading.headersFor}. */
  readonly location?: ReadDirective;
}

/** Directives that neither open nor close anything, nor send a request elsewhere. */
const neutral =
  /^(?:listen|server_name|server_tokens|ssl_\w+|add_header|more_\w+|client_\w+|default_type|proxy_(?!pass$|intercept_errors$|store|method$)\w+|grpc_(?!pass$)\w+|auth_request_set|keepalive\w*|access_log|error_log|log_\w+|open_\w+|http2\w*|quic\w*|large_client_header_buffers|limit_req\w*|limit_conn\w*|gzip\w*|expires|etag|charset|types|send_timeout|reset_timedout_connection|lingering_\w+|sendfile\w*|tcp_\w+|aio|resolver\w*|underscores_in_headers|ignore_invalid_headers|merge_slashes|port_in_redirect|absolute_redirect|server_name_in_redirect|uninitialized_variable_warn|variables_hash\w*|map_hash\w*|server_names_hash\w*|chunked_transfer_encoding|max_ranges|if_modified_since|msie_\w+|ssi_\w+|gunzip|override_charset|slice|disable_symlinks|add_trailer|auth_basic|auth_delay|limit_rate\w*|internal|set|if|return|location|auth_request|error_page|rewrite|proxy_pass|grpc_pass|proxy_method|proxy_intercept_errors|root|alias|limit_except|recursive_error_pages)$/;

/** Directives that open access, send requests elsewhere or add to a response, unless they have exactly this value. */
const onlyAs: Readonly<Record<string, string>> = {
  satisfy: "all",
  allow: "all",
  mirror: "off",
  dav_methods: "off",
  autoindex: "off",
  userid: "off",
  ssi: "off",
  proxy_store: "off",
  proxy_pass_request_headers: "on",
  proxy_ignore_headers: "X-Accel-Charset",
  grpc_ignore_headers: "X-Accel-Charset",
  sub_filter: "$protected_sites_nothing ",
  add_before_body: "",
  add_after_body: "",
};

const ourPages = /^\/etc\/protected-sites\/sites\/[^/]+\/current\//;

/** A location, and what it matches. */
interface Location {
  readonly directive: ReadDirective;
  readonly modifier: string;
  readonly match: string;
}

/** One site's files, read. */
export class SiteReading {
  readonly domain: string;
  /** Whether anything in the site's file depends on a request's method. */
  readonly methodMatters: boolean;
  /** Whether a request's path decides which backend gets it. */
  readonly choosesBackend: boolean;
  /** The methods that are named there. */
  readonly methods: readonly string[];
  readonly #servers: readonly ReadDirective[];
  readonly #blocks: readonly ReadDirective[];
  readonly #definitions: Definitions;
  readonly #upstreams: ReadonlyMap<string, readonly string[]>;
  readonly #nginxLines: readonly string[];
  readonly #cfgLines: readonly string[];
  readonly #cfg: Readonly<Record<string, unknown>>;
  readonly #programs: readonly string[];
  readonly #ownPort: string | undefined;
  readonly #locations = new Map<ReadDirective, Location[]>();

  /** @throws CannotJudge if a file contains something unknown */
  constructor({ domain, nginx, oauth2Proxy, machineClients: programs = "", ...texts }: SiteTexts) {
    this.domain = domain;
    this.#programs = programs.split("\n").filter((it) => it !== "" && !it.startsWith("#"));
    const top = included(readNginx(nginx), (path) => texts.included.get(path) ?? writtenByHost(domain, path));
    this.#servers = top
      .filter(({ name }) => name === "server")
      .map((it) => ({ ...it, body: withoutNested(it.body ?? []) }));
    this.#blocks = [...readNginx(texts.shared), ...top].filter(
      ({ name }) => name === "map" || name === "geo",
    );
    this.#definitions = definitionsOf(this.#blocks);
    const all = [...everyDirective(top)];
    const aboutMethods = all.filter(
      ({ name, args }) =>
        name === "limit_except" ||
        (name !== "proxy_method" && [name, ...args].some((it) => /\$request_method\b/.test(it))),
    );
    this.choosesBackend = all.some(
      ({ name, args }) => passing.test(name) && /^\w+:\/\/\$/.test(args[0] ?? ""),
    );
    this.methodMatters = aboutMethods.length > 0;
    this.methods = aboutMethods.flatMap(({ args }) => args.join(" ").match(/\b[A-Z]{3,}\b/g) ?? []);
    this.#upstreams = new Map(
      top
        .filter(({ name }) => name === "upstream")
        .map(({ args, body = [] }) => [
          args[0] ?? "",
          body.filter(({ name }) => name === "server").map((it) => it.args[0] ?? ""),
        ]),
    );
    this.#nginxLines = nginx.split("\n");
    this.#cfgLines = oauth2Proxy.split("\n");
    this.#cfg = parse(oauth2Proxy);
    this.#ownPort = [...this.#upstreams].find(([name]) => name.startsWith("oauth2-proxy_"))?.[0];
    const known = ["upstream", "map", "geo", "server"];
    for (const directive of top) {
      if (!known.includes(directive.name) && !neutral.test(directive.name)) throw notRead(directive);
    }
    for (const server of this.#servers) checkBody(server);
    this.#checkOauth2Proxy(texts.tenantId);
  }

  /** The path prefix of the sign-in. */
  get proxyPrefix(): string {
    const prefix = this.#cfg["proxy_prefix"];
    return typeof prefix === "string" ? prefix : defaultProxyPrefix;
  }

  /** The file must have what the renderer promises, and nothing unknown. */
  #checkOauth2Proxy(tenantId: string): void {
    const refuse = (key: string, problem: string) => {
      throw new CannotJudge(`oauth2-proxy.cfg line ${this.#cfgLine(key)}: ${key} ${problem}`);
    };
    for (const { key, problem } of brokenPromises(this.#cfg)) refuse(key, problem);
    const { issuer, authorize, token, keys } = tenantEndpoints(tenantId);
    const endpoints = {
      oidc_issuer_url: issuer,
      login_url: authorize,
      redeem_url: token,
      oidc_jwks_url: keys,
    };
    for (const [key, expected] of Object.entries(endpoints)) {
      if (this.#cfg[key] !== expected)
        refuse(key, `must be "${expected}", got ${JSON.stringify(this.#cfg[key])}`);
    }
    // Without a required role, every application of the tenant gets a token that passes.
    const tokensNeedARole =
      this.#cfg["oidc_groups_claim"] === "roles" && strings(this.#cfg["allowed_groups"]).length > 0;
    if (this.#cfg["skip_jwt_bearer_tokens"] === true && !tokensNeedARole)
      refuse("skip_jwt_bearer_tokens", "requires allowed_groups with roles");
  }

  /** Every location of the site: its modifier (`=`, `^~`, `~`, `~*` or none) and what it matches. */
  locations(): { readonly modifier: string; readonly match: string }[] {
    return this.#servers.flatMap((server) => this.#locationsOf(server));
  }

  /** Locations with a regular expression, in the file's order: no list of paths covers which requests they match. */
  expressions(): string[] {
    return this.locations()
      .filter(({ modifier }) => modifier.startsWith("~"))
      .map(({ modifier, match }) => `${modifier} ${match}`);
  }

  /** What a request gets in the location with that regular expression; undefined if there is none. */
  gateOf(expression: string, request: AskedRequest): Gate | undefined {
    const server = this.#serverFor(request.scheme);
    const location =
      server &&
      this.#locationsOf(server).find(({ modifier, match }) => `${modifier} ${match}` === expression);
    if (server === undefined || location === undefined) return undefined;
    return this.#at("/", server, request, { depth: 0, errorPages: true, taken: location.directive });
  }

  /** Keys of `map` that match the request's path or method: other places where a decision can hide. */
  mapKeys(variable: RegExp): string[] {
    return (
      this.#blocks
        // These only refuse, or start a sign-in: unusual spellings of paths, destinations of COPY, sign-ins.
        .filter(
          ({ args }) =>
            !/^\$protected_sites_(?:(?:ambiguous|misspelt|misread)_path|destination_rule|spelling|begins_sign_in|moved_sign_in)/.test(
              args[1] ?? "",
            ),
        )
        .filter(({ args }) => variable.test(args[0] ?? ""))
        .flatMap(({ body = [] }) => body.map(({ name }) => name))
    );
  }

  /** @throws CannotJudge if the request reaches something unknown */
  gate(request: AskedRequest): Gate {
    const server = this.#serverFor(request.scheme);
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
    const server = this.#serverFor(request.scheme);
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
      return answer === undefined ? this.#requestVariable(name, request) : expand(answer, variables);
    });
    return inForce.map(({ args }) => [args[0] ?? "", expand(args[1] ?? "", variables)] as const);
  }

  #serverFor(scheme: "http" | "https"): ReadDirective | undefined {
    const port = scheme === "https" ? "443" : "80";
    return this.#servers.find(
      ({ body = [] }) =>
        body.some(({ name, args }) => name === "listen" && (args[0] ?? "").replace(/^.*:/, "") === port) &&
        body.some(({ name, args }) => name === "server_name" && args.includes(this.domain)),
    );
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
    const internal = target !== undefined;
    if (depth > 3) throw new CannotJudge(`${placeOf(server)}: error pages form a loop`);
    const early = this.#rewrite(server.body ?? [], this.#variables(server.body ?? [], request, path));
    if (early !== undefined) return early;

    const location = how.taken ?? this.#locationFor(target ?? path, server);
    if (location === "redirect") {
      return { to: { kind: "answer", status: 301, location: `https://${this.domain}${path}/` }, places: [] };
    }
    const body = location?.body ?? [];
    const variables = this.#variables([...(server.body ?? []), ...body], request, path);
    const here = location ?? server;
    if (!internal && body.some(({ name }) => name === "internal")) {
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
      ...(location === undefined ? {} : { location }),
    };
    const auth = this.#inForce("auth_request", body, server);
    // Before a page of the sign-in, the subrequest only decides whether it can be shown.
    if (auth === undefined || auth.args[0] === "off" || content.to.kind === "sign-in") {
      return { ...content, places: [...(auth === undefined ? [] : [this.#place(auth)]), ...content.places] };
    }
    const gate = this.#askedFor(auth, server, request, path);
    const otherwise = this.#errorPage(401, path, body, server, request, how);
    if (otherwise?.to.kind === "content")
      return { ...content, places: [...otherwise.places, ...content.places] };
    return {
      ...content,
      needs: gate.needs,
      otherwise: otherwise?.to ?? { kind: "answer", status: 401 },
      places: [...gate.places, this.#place(auth), ...content.places],
    };
  }

  /** What the subrequest of `auth_request` requires from oauth2-proxy. */
  #askedFor(auth: ReadDirective, server: ReadDirective, request: AskedRequest, path: string) {
    const variables = this.#variables(server.body ?? [], request, path);
    const target = auth.args[0] ?? "";
    const location = this.#locationFor(target.split("?")[0] ?? "", server);
    const pass =
      typeof location === "object" ? location.body?.find(({ name }) => name === "proxy_pass") : undefined;
    if (location === undefined || location === "redirect" || pass === undefined) {
      throw new CannotJudge(`${placeOf(auth)}: ${target} is not a location that passes to oauth2-proxy`);
    }
    const url = new URL(expand(pass.args[0] ?? "", variables));
    if (url.hostname !== this.#ownPort || url.pathname !== signInPaths(this).auth) {
      throw new CannotJudge(`${placeOf(pass)}: ${url.href} is not the site's oauth2-proxy`);
    }
    this.#refuseOtherAnswers(location, target, server);
    const groups: (readonly string[])[] = [];
    const places: Place[] = [];
    for (const [key, value] of url.searchParams) {
      if (key !== "allowed_groups") {
        throw new CannotJudge(`${placeOf(pass)}: ${key} is a rule that this review does not know`);
      }
      const any = this.#asGroups(value.split(",").filter((it) => it !== ""));
      // An empty rule is none, https://oauth2-proxy.github.io/oauth2-proxy/features/endpoints
      if (any.length > 0) {
        groups.push(any);
        places.push(this.#place(pass));
      }
    }
    const everywhere = this.#asGroups(strings(this.#cfg["allowed_groups"]));
    if (everywhere.length > 0) {
      groups.push(everywhere);
      places.push(this.#cfgPlace("allowed_groups"));
    }
    places.push(this.#cfgPlace("email_domains"));
    const emailDomains = strings(this.#cfg["email_domains"]);
    return { needs: { emailDomains, programs: this.#programs, groups }, places };
  }

  /** An error page of the subrequest would be its response, and if that succeeds, everybody gets in. */
  #refuseOtherAnswers(location: ReadDirective, target: string, server: ReadDirective): void {
    const body = location.body ?? [];
    const intercept = this.#inForce("proxy_intercept_errors", body, server);
    if (intercept?.args[0] === "on") throw notRead(intercept);
    const elsewhere = this.#errorPages(body, server).find(
      // To Nginx, oauth2-proxy's own 401 is not an error. The question may be asked again.
      ({ args }) =>
        args.some((it) => it.startsWith("=")) &&
        args[0] !== "401" &&
        ![target, "$uri"].includes(args.at(-1) ?? ""),
    );
    if (elsewhere !== undefined) throw notRead(elsewhere);
  }

  #errorPages(body: readonly ReadDirective[], server: ReadDirective): readonly ReadDirective[] {
    const own = body.filter(({ name }) => name === "error_page");
    return own.length > 0 ? own : (server.body ?? []).filter(({ name }) => name === "error_page");
  }

  /** What this site's tokens contain: groups, or, if configured, the roles of its registration. */
  #asGroups(values: readonly string[]): string[] {
    const given = this.#cfg["oidc_groups_claim"];
    const claim = typeof given === "string" ? given : "groups";
    return values.map((it) =>
      claim === "groups" ? it : claim === "roles" ? `role ${it}` : `${claim} ${it}`,
    );
  }

  #rewrite(body: readonly ReadDirective[], variables: Variables): Gate | undefined {
    for (const directive of body) {
      const { name } = directive;
      if (name === "return") return this.#returned(directive, variables);
      if (name === "if" && !isPass(directive) && holds(directive, variables)) {
        const [then, ...others] = directive.body ?? [];
        if (then?.name !== "return" || others.length > 0) throw notRead(directive);
        return this.#returned(then, variables);
      }
      if (name === "rewrite" && !isBelowPath(directive)) throw notRead(directive);
      if (name === "set" && !isConstant(directive)) throw notRead(directive);
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
        throw notRead(directive);
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
      const below = /^(https?:\/\/[^/$]+)((?:\/[\w.~-]+)+)\$request_uri$/.exec(pass.args[0] ?? "");
      const target = expand(below?.[1] ?? pass.args[0] ?? "", variables);
      const { protocol, hostname } = new URL(target.replace(/^(https?:\/\/)unix:[^:]*/, "$1unix"));
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
    if (target.includes("$")) throw new CannotJudge(`error_page ${target} is not read by this review`);
    const recursive = this.#inForce("recursive_error_pages", body, server)?.args[0] === "on";
    // A named location keeps the request's own path.
    const next = target.startsWith("@") ? path : target;
    return this.#at(next, server, request, { depth: depth + 1, errorPages: recursive, target });
  }

  #inForce(name: string, body: readonly ReadDirective[], server: ReadDirective): ReadDirective | undefined {
    return body.find((it) => it.name === name) ?? server.body?.find((it) => it.name === name);
  }

  #locationsOf(server: ReadDirective): Location[] {
    const before = this.#locations.get(server);
    if (before !== undefined) return before;
    const found = (server.body ?? [])
      .filter(({ name }) => name === "location")
      .map((directive) => ({ directive, ...modifierOf(directive) }));
    this.#locations.set(server, found);
    return found;
  }

  /** https://nginx.org/en/docs/http/ngx_http_core_module.html#location */
  #locationFor(path: string, server: ReadDirective): ReadDirective | "redirect" | undefined {
    const locations = this.#locationsOf(server);
    const exact = locations.find(({ modifier, match }) => modifier === "=" && match === path);
    if (exact !== undefined) return exact.directive;
    const named = locations.find(
      ({ modifier, match }) => modifier === "" && match.startsWith("@") && match === path,
    );
    if (named !== undefined) return named.directive;
    // A prefix with a "/" at its end that proxies: without the "/", Nginx redirects there.
    const proxies = ({ body = [] }: ReadDirective) => body.some(({ name }) => passing.test(name));
    if (
      locations.some(
        (it) => /^(?:\^~)?$/.test(it.modifier) && it.match === `${path}/` && proxies(it.directive),
      )
    )
      return "redirect";
    const [prefix] = locations
      .filter(({ modifier, match }) => (modifier === "" || modifier === "^~") && path.startsWith(match))
      .sort((one, other) => other.match.length - one.match.length);
    if (prefix?.modifier === "^~") return prefix.directive;
    const pattern = locations.find(
      ({ modifier, match }) =>
        modifier.startsWith("~") && regularExpression(modifier === "~*" ? `*${match}` : match).test(path),
    );
    return (pattern ?? prefix)?.directive;
  }

  /** @param holds directives that are in force; each `set` among them is of a constant */
  #variables(holds: readonly ReadDirective[], request: AskedRequest, path?: string): Variables {
    const constants = new Map(
      holds.filter(({ name }) => name === "set").map(({ args }) => [args[0]?.slice(1), args[1]]),
    );
    return variablesOf(
      this.#definitions,
      (name) => constants.get(name) ?? this.#requestVariable(name, request, path),
    );
  }

  #requestVariable(name: string, request: AskedRequest, path?: string): string | undefined {
    const [rawPath = "", query = ""] = request.target.split(/\?(.*)/s);
    switch (name) {
      case "scheme":
        return request.scheme;
      case "host":
      case "http_host":
      case "server_name":
        return this.domain;
      case "request_method":
        return request.method;
      case "request_uri":
        return request.target;
      case "uri":
      case "document_uri":
        return path ?? normalized(rawPath) ?? rawPath;
      case "args":
      case "query_string":
        return query;
      case "is_args":
        return query === "" ? "" : "?";
    }
    if (name.startsWith("http_")) return request.headers?.[name.slice(5).replaceAll("_", "-")] ?? "";
    // Before the subrequest there is no response of oauth2-proxy.
    if (/^(?:cookie|upstream|arg|oauth2|protected_sites)_/.test(name)) return "";
    return undefined;
  }

  #place({ line, name, args, file }: ReadDirective): Place {
    if (file !== undefined) return { file, line, text: `${[name, ...args].join(" ")};` };
    return { file: "nginx.conf", line, text: (this.#nginxLines[line - 1] ?? "").trim().replace(/ \{$/, "") };
  }

  #cfgLine(key: string): number {
    return this.#cfgLines.findIndex((it) => it.startsWith(`${key} =`)) + 1;
  }

  #cfgPlace(key: string): Place {
    const line = this.#cfgLine(key);
    return { file: "oauth2-proxy.cfg", line, text: this.#cfgLines[line - 1] ?? `${key} is not set` };
  }
}

/** Whether somebody passes. */
export function passes(
  needs: Needs,
  person: { readonly upn: string; readonly groups: readonly string[] },
): boolean {
  const upn = person.upn.toLowerCase();
  return (
    (needs.programs.includes(upn) ||
      needs.emailDomains.some(
        (domain) =>
          domain === "*" ||
          upn.endsWith(`@${domain.toLowerCase()}`) ||
          (domain.startsWith(".") && upn.endsWith(domain.toLowerCase())),
      )) &&
    needs.groups.every((any) => any.some((group) => person.groups.includes(group)))
  );
}

/**
 * A path as Nginx matches it against locations: decoded, slashes merged, dots resolved. Undefined if Nginx answers 400.
 */
function normalized(target: string): string | undefined {
  const raw = (target.split(/[?#]/)[0] ?? "").replace(/^https?:\/\/[^/]*/, "") || "/";
  if (!raw.startsWith("/")) return undefined;
  if (/%(?![0-9a-f]{2})/i.test(raw) || /%00/.test(raw)) return undefined;
  const bytes = raw.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const parts: string[] = [];
  const segments = bytes.split("/").slice(1);
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === "..") {
      if (parts.length === 0) return undefined;
      parts.pop();
      if (last) parts.push("");
    } else if (segment === ".") {
      if (last) parts.push("");
    } else if (segment !== "" || last) parts.push(segment);
  }
  return `/${parts.join("/")}`;
}

/** How earlier versions of the renderer prepended a path of the backend to the request's. */
function isBelowPath({ name, args }: ReadDirective): boolean {
  return name === "rewrite" && /^\^ (?:\/[\w.~-]+)+\$uri break$/.test(args.join(" "));
}

/** One of our constants. A value derived from the request could decide where it goes. */
function isConstant({ args: [variable = "", value = ""] }: ReadDirective): boolean {
  return variable.startsWith("$protected_sites_") && !value.includes("$");
}

/** Directives that pass a request to a backend. */
const passing = /^(?:proxy|grpc)_pass$/;

/** Whether it is the `if` that chooses between the two by the path's backend. */
function isPass({ name, args, body = [] }: ReadDirective): boolean {
  const byApplication = name === "if" && args[0]?.startsWith("($protected_sites_grpc_") === true;
  return byApplication && body.map((it) => it.name).join() === "grpc_pass";
}

/** What passes a location's request to a backend: the last `if` that is true, or else the location's own directive. */
function passOf(body: readonly ReadDirective[], variables: Variables): ReadDirective | undefined {
  const chosen = body.findLast((it) => isPass(it) && holds(it, variables));
  return chosen?.body?.[0] ?? body.find(({ name }) => passing.test(name));
}

function modifierOf({ args }: ReadDirective): { readonly modifier: string; readonly match: string } {
  return args.length > 1
    ? { modifier: args[0] ?? "", match: args[1] ?? "" }
    : { modifier: "", match: args[0] ?? "" };
}

function holds(condition: ReadDirective, variables: Variables): boolean {
  const { args } = condition;
  const words = args.map((it) => it);
  const text = words.join(" ").replace(/^\(/, "").replace(/\)$/, "");
  const [variable = "", operator, ...rest] = text.split(" ");
  const value = expand(variable, variables);
  const other = rest.join(" ");
  switch (operator) {
    case undefined:
      return value !== "" && value !== "0";
    case "=":
      return value === expand(other, variables);
    case "!=":
      return value !== expand(other, variables);
    case "~":
      return regularExpression(other).test(value);
    case "~*":
      return regularExpression(`*${other}`).test(value);
    case "!~":
      return !regularExpression(other).test(value);
    default:
      throw notRead(condition);
  }
}

function* everyDirective(directives: readonly ReadDirective[]): Generator<ReadDirective> {
  for (const directive of directives) {
    yield directive;
    yield* everyDirective(directive.body ?? []);
  }
}

function checkBody(directive: ReadDirective): void {
  for (const inner of directive.body ?? []) {
    // Our pages may use SSI for the request's ID; others could include anything.
    if (inner.name === "ssi" && isOurPage(directive)) continue;
    const only = onlyAs[inner.name];
    if (only === undefined ? !neutral.test(inner.name) : inner.args.join(" ") !== only) throw notRead(inner);
    if (inner.name === "location" && directive.name === "location") throw notRead(inner);
    const passes = inner.name === "if" && inner.body?.some(({ name }) => passing.test(name)) === true;
    if (passes && !isPass(inner)) throw notRead(inner);
    // A response cached for another session, or another request, is a way in.
    if (inner.name === "proxy_cache" && inner.args[0] !== "off" && !keepsBySession(directive))
      throw notRead(inner);
    if (inner.name === "location" || inner.name === "if") checkBody(inner);
  }
}

function isOurPage({ body = [] }: ReadDirective): boolean {
  const files = body.find(({ name }) => name === "alias")?.args[0] ?? "";
  return ourPages.test(files) && !body.some((it) => passing.test(it.name) || isPass(it));
}

function keepsBySession({ body = [] }: ReadDirective): boolean {
  const first = (name: string) => body.find((it) => it.name === name)?.args[0] ?? "";
  const constraint = /^http:\/\/oauth2-proxy_[^/]+\/[\w.~-]+\/auth(\?.*)?$/.exec(first("proxy_pass"));
  return constraint !== null && first("proxy_cache_key") === authCacheKey(constraint[1] ?? "");
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((it) => typeof it === "string") : [];
}
