/** Which directives a review knows, where, and with which values. */
import { notRead } from "../../components/nginx/cannot-judge.ts";
import type { ReadDirective } from "../../components/nginx/read.ts";
import type { Variables } from "../../components/nginx/variables.ts";
import { authCacheKey } from "../../components/render/nginx/auth-cache.ts";
import { isMet } from "./conditions.ts";

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
  proxy_ignore_headers: "X-Accel-Charset",
  grpc_ignore_headers: "X-Accel-Charset",
  sub_filter: "$protected_sites_nothing ",
  add_before_body: "",
  add_after_body: "",
};

/** Maps that only refuse, or start a sign-in: unusual spellings of paths, destinations of COPY, sign-ins. */
export const onlyRefusing =
  /^\$protected_sites_(?:(?:ambiguous|misspelt|misread)_path|destination_rule|spelling|begins_sign_in|moved_sign_in)/;

export const ourPages = /^\/etc\/protected-sites\/sites\/[^/]+\/current\//;

/** How earlier versions of the renderer prepended a path of the backend to the request's. */
export function isBelowPath({ name, args }: ReadDirective): boolean {
  return name === "rewrite" && /^\^ (?:\/[\w.~-]+)+\$uri break$/.test(args.join(" "));
}

/** One of our constants. A value derived from the request could decide where it goes. */
export function isConstant({ args: [variable = "", value = ""] }: ReadDirective): boolean {
  return variable.startsWith("$protected_sites_") && !value.includes("$");
}

/** Directives that pass a request to a backend. */
export const passing = /^(?:proxy|grpc)_pass$/;

/** Whether it is the `if` that chooses between the two by the path's backend. */
export function isPass({ name, args, body = [] }: ReadDirective): boolean {
  const byApplication = name === "if" && args[0]?.startsWith("($protected_sites_grpc_") === true;
  return byApplication && body.map((it) => it.name).join() === "grpc_pass";
}

/** What passes a location's request to a backend: the last `if` that is true, or else the location's own directive. */
export function passOf(body: readonly ReadDirective[], variables: Variables): ReadDirective | undefined {
  const chosen = body.findLast((it) => isPass(it) && isMet(it, variables));
  return chosen?.body?.[0] ?? body.find(({ name }) => passing.test(name));
}

/** Whether a location may answer by itself, before it passes a request on. */
export function answersItself({ body = [] }: ReadDirective): boolean {
  return body.some(({ name }) => /^(?:return|if|rewrite|limit_except)$/.test(name));
}

/** Whether what it does depends on a request's method. */
export function isAboutMethods({ name, args }: ReadDirective): boolean {
  if (name === "limit_except") return true;
  return name !== "proxy_method" && [name, ...args].some((it) => /\$request_method\b/.test(it));
}

/** The directives and all that stand in their blocks. */
export function* everyDirective(directives: readonly ReadDirective[]): Generator<ReadDirective> {
  for (const directive of directives) {
    yield directive;
    yield* everyDirective(directive.body ?? []);
  }
}

/** @throws CannotJudge for a directive outside of servers that this review does not know */
export function checkTop(directives: readonly ReadDirective[]): void {
  const known = ["upstream", "map", "geo", "server"];
  for (const directive of directives) {
    if (!known.includes(directive.name) && !neutral.test(directive.name))
      throw notRead("unknown-directive", directive);
  }
}

/** @throws CannotJudge for a directive of a server or location that this review does not know */
export function checkBody(directive: ReadDirective): void {
  for (const inner of directive.body ?? []) {
    // Our pages may use SSI for the request's ID; others could include anything.
    if (inner.name === "ssi" && isOurPage(directive)) continue;
    const only = onlyAs[inner.name];
    if (only === undefined ? !neutral.test(inner.name) : inner.args.join(" ") !== only)
      throw notRead("unknown-directive", inner);
    const passes = inner.name === "if" && inner.body?.some(({ name }) => passing.test(name)) === true;
    if (passes && !isPass(inner)) throw notRead("pass-within-if", inner);
    // A response cached for another session, or another request, is a way in.
    if (inner.name === "proxy_cache" && inner.args[0] !== "off" && !keepsBySession(directive))
      throw notRead("cache-across-sessions", inner);
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

/**
 * The URL that a request is passed to, with its variables' values.
 * @throws CannotJudge if it is none, such as one whose host a client chooses
 */
export function urlOf(text: string, pass: ReadDirective): URL {
  const url = URL.parse(text.replace(/^(https?:\/\/)unix:[^:]*/, "$1unix"));
  // Of a request, only the path may decide which host that is.
  const isChosen = /^\w+:\/\/[^/]*\$(?!\{?protected_sites_)/.test(pass.args[0] ?? "");
  if (url === null || isChosen) throw notRead("backend-from-request", pass);
  return url;
}

/** The servers of each upstream, by its name. */
export function upstreamsOf(top: readonly ReadDirective[]): ReadonlyMap<string, readonly string[]> {
  return new Map(
    top
      .filter(({ name }) => name === "upstream")
      .map(({ args, body = [] }) => [
        args[0] ?? "",
        body.filter(({ name }) => name === "server").map((it) => it.args[0] ?? ""),
      ]),
  );
}
