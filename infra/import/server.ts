/**
 * A server of Nginx that somebody else wrote: its locations, who gets into each, and what else restricts them. What is not
 * known here counts as a restriction.
 */
import { CannotJudge } from "../../components/nginx/cannot-judge.ts";
import type { ReadDirective } from "../../components/nginx/read.ts";
import {
  expressionOf,
  isExpression,
  type Location,
  locationFor,
  locationsOf,
  normalized,
} from "../review/locations.ts";

/** Who gets a location's content. `nginx`: Nginx answers it itself. `sign-in`: it is oauth2-proxy's own. */
export type Access = "signed-in" | "open" | "nobody" | "nginx" | "sign-in";

/** A location, with what it inherits. */
export interface Part extends Location {
  readonly where: string;
  readonly access: Access;
  /** The URL or path that `auth_request` asks, where it is `signed-in`. */
  readonly asks?: string;
  /** What passes requests on, if anything does. */
  readonly pass?: ReadDirective;
  /** What restricts who gets in besides the sign-in, or may do so; in words. */
  readonly restrictions: readonly string[];
  /** Whether a request's path is changed before it is passed on. */
  readonly isRewritten: boolean;
  /** The directives of a name that are in force. */
  readonly inForce: (name: string) => readonly ReadDirective[];
}

/** A server, and everything outside of it that it inherits or names. */
export interface Server {
  readonly where: string;
  readonly names: readonly string[];
  readonly parts: readonly Part[];
  /** Locations whose regular expression only Nginx understands. */
  readonly unreadable: readonly string[];
  readonly directive: ReadDirective;
  /** Everything around servers. */
  readonly http: readonly ReadDirective[];
  /** Whether oauth2-proxy itself passes requests on, and is not asked by Nginx. */
  readonly isBehindProxy?: true;
}

/** As in `nginx.conf line 12`. */
function placeOf({ file = "", line }: ReadDirective): string {
  return line === 0 ? file : `${file} line ${line}`;
}

/** Every server in the directives; locations without one around them are one without a name. */
export function serversIn(directives: readonly ReadDirective[], prefix: string): Server[] {
  const inHttp = directives.flatMap((it) => (it.name === "http" ? (it.body ?? []) : [it]));
  const alone = inHttp.filter(({ name }) => name === "location" || name === "auth_request");
  const [first] = alone;
  const servers = inHttp.filter(({ name }) => name === "server");
  const around = inHttp.filter(({ name }) => name !== "server" && name !== "location");
  const bare =
    first === undefined || servers.length > 0 ? [] : [{ ...first, name: "server", args: [], body: inHttp }];
  return [...servers, ...bare].map((directive) => serverOf(directive, bare.length > 0 ? [] : around, prefix));
}

function serverOf(directive: ReadDirective, http: readonly ReadDirective[], prefix: string): Server {
  const body = directive.body ?? [];
  const asked = authTargets(directive);
  const handlers = [...body, ...body.flatMap((it) => it.body ?? [])]
    .filter(({ name }) => name === "error_page")
    .map(({ args }) => args.at(-1) ?? "");
  const locations = locationsOf(directive);
  const readable = locations.filter(isReadable);
  const parts = readable.map((it) => partOf(it, { directive, http, prefix, asked, handlers }));
  return {
    where: placeOf(directive),
    names: body.filter(({ name }) => name === "server_name").flatMap(({ args }) => args),
    parts,
    unreadable: locations.filter((it) => !readable.includes(it)).map(whereOf),
    directive,
    http,
  };
}

function whereOf({ directive }: Location): string {
  return `${placeOf(directive)}, location ${directive.args.join(" ")}`;
}

function isReadable(location: Location): boolean {
  try {
    return !isExpression(location) || expressionOf(location) instanceof RegExp;
  } catch (error) {
    if (error instanceof CannotJudge) return false;
    throw error;
  }
}

function authTargets(directive: ReadDirective): string[] {
  return (directive.body ?? []).flatMap((it) =>
    it.name === "auth_request" ? [it.args[0] ?? ""] : it.name === "location" ? authTargets(it) : [],
  );
}

interface Around {
  readonly directive: ReadDirective;
  readonly http: readonly ReadDirective[];
  readonly prefix: string;
  readonly asked: readonly string[];
  readonly handlers: readonly string[];
}

function partOf(location: Location, around: Around): Part {
  const own = location.directive.body ?? [];
  const levels = [own, around.directive.body ?? [], around.http];
  const inForce = (name: string) =>
    levels.map((it) => it.filter((one) => one.name === name)).find((it) => it.length > 0) ?? [];
  const pass = own.find(({ name }) => /^(?:\w+_pass)$/.test(name));
  const auth = inForce("auth_request")[0]?.args[0] ?? "off";
  const restrictions = [
    ...restrictionsOf(own, inForce),
    ...restrictionsOf(around.directive.body ?? [], inForce, "server"),
    ...restrictionsOf(around.http, inForce, "http"),
  ];
  const shared = {
    ...location,
    where: whereOf(location),
    inForce,
    ...(pass === undefined ? {} : { pass }),
    isRewritten: own.some(({ name }) => name === "rewrite"),
  };
  if (isSignIn(location, pass, around)) return { ...shared, access: "sign-in", restrictions: [] };
  const answer = own.find(({ name }) => name === "return");
  if (isRefused(inForce) || Number(answer?.args[0]) >= 400)
    return { ...shared, access: "nobody", restrictions: [] };
  if (answer !== undefined) return { ...shared, access: "nginx", restrictions: [] };
  if (pass === undefined && around.handlers.includes(location.match))
    return { ...shared, access: "nginx", restrictions: [] };
  const internal = own.some(({ name }) => name === "internal");
  if (internal)
    return {
      ...shared,
      access: around.handlers.includes(location.match) ? "nginx" : "nobody",
      restrictions: [],
    };
  if (auth === "off") return { ...shared, access: "open", restrictions };
  return { ...shared, access: "signed-in", asks: auth, restrictions };
}

/** The paths of oauth2-proxy, of the question to it and of what leads to the sign-in; and ACME challenges. */
function isSignIn(
  { match }: Location,
  pass: ReadDirective | undefined,
  { prefix, asked, handlers }: Around,
): boolean {
  const path = match.replace(/^\^/, "");
  const isBelow = (it: string) => path === it || path.startsWith(`${it}/`);
  return (
    isBelow(prefix) ||
    path.startsWith("/.well-known/acme-challenge") ||
    asked.some((it) => it.split("?")[0] === match) ||
    (handlers.includes(match) && (match.startsWith("@") || /oauth2|auth/.test(pass?.args[0] ?? "")))
  );
}

/** Whether no address may ask. */
function isRefused(inForce: Part["inForce"]): boolean {
  const rules = [...inForce("allow"), ...inForce("deny")];
  return (
    rules.some(({ name, args }) => name === "deny" && args[0] === "all") &&
    inForce("allow").length === 0 &&
    !satisfiesAny(inForce)
  );
}

function satisfiesAny(inForce: Part["inForce"]): boolean {
  return inForce("satisfy")[0]?.args[0] === "any";
}

/** Directives that restrict nobody; what else they do is read elsewhere, or is for a site or its backend to do its way. */
const neutral =
  /^(?:listen|server_name|server_tokens|ssl_(?!verify_client$)\w+|ssl|add_header|more_\w+|add_trailer|client_\w+|default_type|(?:proxy|grpc|uwsgi|fastcgi|scgi)_(?!store$|method$)\w+|auth_request|auth_request_set|keepalive\w*|access_log|error_log|log_\w+|open_\w+|http2\w*|http3\w*|quic\w*|large_client_header_buffers|limit_req\w*|limit_conn\w*|limit_rate\w*|gzip\w*|brotli\w*|zstd\w*|expires|etag|charset\w*|types\w*|send_timeout|reset_timedout_connection|lingering_\w+|sendfile\w*|tcp_\w+|aio\w*|directio\w*|resolver\w*|underscores_in_headers|ignore_invalid_headers|merge_slashes|port_in_redirect|absolute_redirect|server_name_in_redirect|variables_hash\w*|map_hash\w*|types_hash\w*|server_names_hash\w*|chunked_transfer_encoding|max_ranges|if_modified_since|msie_\w+|gunzip\w*|sub_filter\w*|set|location|error_page|recursive_error_pages|root|alias|index|try_files|autoindex\w*|internal|return|satisfy|allow|deny|real_ip_\w+|set_real_ip_from|status_zone|stub_status|disable_symlinks|upstream|server|map|geo|user|worker_\w+|events|pid|load_module|tcp_nopush|etag|uninitialized_variable_warn|rewrite_log)$/;

/** Files of other packages that only have settings of TLS, or of what is passed on. */
const knownIncludes =
  /(?:^|\/)(?:mime\.types|options-ssl-nginx\.conf|(?:proxy|fastcgi|uwsgi|scgi)_params|proxy\.conf|ssl[\w-]*\.conf|dhparams?\.pem)$/;

/** Where Debian and others have the files of other servers, and of modules. */
const otherServers = /(?:^|\/)(?:conf\.d|sites-enabled|modules-enabled|modules|vhosts\.d)\/[\w*.-]+$/;

/** @param level where they are: of a server's and those around it, locations inherit some and undergo others */
function restrictionsOf(
  own: readonly ReadDirective[],
  inForce: Part["inForce"],
  level: "location" | "server" | "http" = "location",
): string[] {
  const isServer = level !== "location";
  const any = satisfiesAny(inForce);
  return own.flatMap((directive): string[] => {
    const { name, args } = directive;
    const text = [name, ...args].join(" ");
    const at = `"${text.length > 80 ? `${text.slice(0, 77)}…` : text}" (${placeOf(directive)})`;
    if (name === "if") return isHarmlessIf(directive) ? [] : [`${at} cannot be judged`];
    if (name === "rewrite")
      return isServer && !isRedirect(directive) ? [`${at} leads to another location`] : [];
    if (name === "include" && level === "http" && otherServers.test(args[0] ?? "")) return [];
    if (name === "include") return knownIncludes.test(args[0] ?? "") ? [] : [`${at} is not among the files`];
    if (name === "limit_except") return [`${at} restricts methods`];
    if (name === "auth_basic")
      return args[0] === "off" || any || isOverridden(directive, inForce)
        ? []
        : [`${at} asks for a password`];
    if (name === "deny" || name === "allow")
      return any || name === "allow" || isOverridden(directive, inForce) ? [] : [`${at} restricts addresses`];
    if (name === "ssl_verify_client")
      return /^o(?:ff|ptional)/.test(args[0] ?? "") ? [] : [`${at} asks for a certificate`];
    if (name === "auth_basic_user_file") return [];
    if (name === "location") return isServer ? [] : [`${at} is within another one`];
    return neutral.test(name) ? [] : [`${at} is not known to the import`];
  });
}

/** Whether a location has directives of its own in place of the server's. */
function isOverridden(directive: ReadDirective, inForce: Part["inForce"]): boolean {
  const names = directive.name === "auth_basic" ? ["auth_basic"] : ["allow", "deny"];
  const effective = names.flatMap((it) => [...inForce(it)]);
  return effective.length > 0 && !effective.includes(directive);
}

/** Redirects to another scheme or host, and pages of a CORS preflight, which reach no backend. */
function isHarmlessIf({ body = [] }: ReadDirective): boolean {
  return body.every(
    (it) =>
      (it.name === "return" && !(Number(it.args[0]) >= 400)) ||
      it.name === "add_header" ||
      (it.name === "rewrite" && isRedirect(it)),
  );
}

function isRedirect({ args }: ReadDirective): boolean {
  return /^(?:redirect|permanent)$/.test(args[2] ?? "") || /^(?:https?:\/\/|\$scheme:)/.test(args[1] ?? "");
}

/** What a request gets. @returns undefined where Nginx refuses or redirects it before it has a location */
export function partFor(server: Pick<Server, "parts">, target: string): Part | undefined {
  const path = normalized(target);
  if (path === undefined) return undefined;
  const location = locationFor(path, server.parts);
  return server.parts.find(({ directive }) => directive === location);
}
