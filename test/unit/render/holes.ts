/**
 * What is open in a site's Nginx file that should be closed: judged from the text alone, by Nginx's own rules of
 * inheritance, so that it finds what a change of the renderer forgets.
 */
import {
  connectionHeaders,
  namingHeaders,
  otherMethodHeaders,
  overwrittenHeaders,
} from "../../../components/render/nginx/overwritten-headers.ts";
import { sharedNginx } from "../../../components/render/nginx/shared-nginx.ts";
import { included } from "../../../components/nginx/included.ts";
import { readNginx, type ReadDirective } from "../../../components/nginx/read.ts";
import { authCacheKey } from "../../../components/render/nginx/auth-cache.ts";
import { withoutNested } from "../../../components/nginx/nested.ts";
import { printNginx } from "../../../components/nginx/print.ts";
import { inherited as inheritedItems } from "../../../components/render/nginx/inherited.ts";
import { writtenByHost } from "../../../infra/review/site-texts.ts";
import { sharedIncludes } from "../../shared-includes.ts";

/**
 * Variables that a header may be made of. None of them repeats what a client says of itself; the page to return to is
 * always one of the site, the origin only what a browser says of where it was, and the destination what a client of
 * WebDAV asks the application for.
 */
const trusted =
  /^(?:server_name|remote_addr|request_id|request_uri|http_destination|protected_sites_(?:upgrade|connection|cookie)|protected_sites_return_to|protected_sites_(?:origin|referer|destination)_\w+|protected_sites_remaining_\d+_\w+|oauth2_[a-z_]+)$/;

const ofConnection: readonly string[] = ["Host", ...connectionHeaders, "Connection"];

/** What oauth2-proxy gets as the client has sent it: the session, and for its log. */
const asOauth2ProxyReads = new Map([
  ["Cookie", "$http_cookie"],
  ["User-Agent", "$http_user_agent"],
]);

const acmeChallenge = "^~ /.well-known/acme-challenge/";

/** What a location outside the sign-in may be open for, by what stands behind `location`. */
function openByDesign(prefix: string): Readonly<Record<string, readonly string[]>> {
  return {
    "~ /\\.ht": ["return"],
    [`${prefix}/`]: ["proxy_pass"],
    [`= ${prefix}/callback`]: ["proxy_pass"],
    [`= ${prefix}/auth`]: ["return"],
    [`= ${prefix}/signed-out`]: ["alias"],
    [`= ${prefix}/return`]: ["alias"],
    [acmeChallenge]: ["root"],
    "/.well-known/protected-sites/": ["return"],
    "= /.well-known/protected-sites/front-channel-logout": ["return"],
    "= /.well-known/protected-sites/generation": ["return"],
  };
}

/** Directives by which a location answers. */
const answers = [
  "proxy_pass",
  "grpc_pass",
  "return",
  "alias",
  "root",
  "try_files",
  "rewrite",
  "empty_gif",
  "stub_status",
];
const neverThere =
  /^(?:satisfy|proxy_intercept_errors|allow|deny|auth_basic.*|(?:fastcgi|uwsgi|scgi|memcached)_.*|grpc_(?:intercept_errors|pass_header|ignore_headers|hide_header|bind)|rewrite|try_files|underscores_in_headers|ignore_invalid_headers|merge_slashes|proxy_pass_header|proxy_ignore_headers|proxy_store.*|proxy_cache_(?:use_stale|background_update|lock.*|methods|convert_head|revalidate)|autoindex|dav_methods|mirror|sub_filter.*|js_.*|lua_.*|.*_by_lua.*)$/;

const sharedByAll = readNginx(sharedNginx());

/** What each server says against inheritance from `http {}`; the same for all, and with a test of its own. */
const pinned: ReadonlySet<string> = new Set(readNginx(printNginx(inheritedItems)).map(shown));
const isPinned = (it: ReadDirective) => pinned.has(shown(it));

/** What was looked at, and what was found. */
export interface Verdict {
  readonly locations: number;
  readonly holes: readonly string[];
}

/**
 * @param domain the site's domain, by which its two upstreams are known
 * @param open what stands behind `location` of each location that its owner has declared open to everybody
 * @param passes those of them, and "protected" for all others, whose application gets a client's own Authorization;
 * "programs" where oauth2-proxy gets the tokens of programs
 * @param prefix below which path oauth2-proxy is
 * @param shared what all sites of the host share, read
 */
export function holesIn(
  text: string,
  domain: string,
  open: readonly string[] = [],
  passes: readonly string[] = [],
  prefix = "/oauth2",
  shared = sharedByAll,
): Verdict {
  const texts = sharedIncludes(domain);
  const top = included(readNginx(text), (path) => texts.get(path) ?? writtenByHost(domain, path)).map((it) =>
    it.name === "server" ? { ...it, body: withoutNested(it.body ?? []) } : it,
  );
  const [session = ""] = valuesOf(top, "$protected_sites_session_cookie");
  const holes: string[] = [];
  const servers = top.filter(({ name }) => name === "server");
  const upstreams = top.filter(({ name }) => name === "upstream").map(({ args }) => args[0]);
  // The third is asked on port 80 only, for ACME: the rule for targets sees to that.
  const known = [`oauth2-proxy_${domain}`, `backend_${domain}`, `acme_${domain}`];
  const byPath = upstreams.filter((it) => it?.startsWith(`backend_${domain}_`));
  const others = upstreams.filter((it) => !byPath.includes(it));
  if (others.join() !== known.slice(0, 2).join() && others.join() !== known.join())
    holes.push(`upstreams are ${upstreams.join(", ")}`);
  const variable = `protected_sites_backend_${identifier(domain)}`;
  const chosen = top.find(({ name, args }) => name === "map" && args[1] === `$${variable}`);
  // By the path as locations are chosen by it, and among the site's own backends.
  const choices = (chosen?.body ?? []).filter(({ name }) => name !== "volatile").map(({ args }) => args[0]);
  if (byPath.length > 0 && (chosen?.args[0] !== "$uri" || byPath.some((it) => !choices.includes(it))))
    holes.push("backends by path are not chosen by the path");
  if (choices.some((it) => it !== `backend_${domain}` && !byPath.includes(it)))
    holes.push(`a path leads to ${choices.join(", ")}`);
  const looksAt = (what: string) =>
    top.some(({ name, args }) => name === "map" && args[1]?.startsWith(`$protected_sites_${what}_`) === true);
  let locations = 0;
  for (const statement of everything(top)) {
    if (isPinned(statement)) continue;
    if (neverThere.test(statement.name)) holes.push(`${shown(statement)} is not allowed anywhere`);
    const onlyPasses = isGrpcPart(statement, domain);
    if (
      statement.name === "if" &&
      !onlyPasses &&
      statement.body?.some(({ name }) => name !== "return") === true
    )
      holes.push(`${shown(statement)} holds more than a return`);
    if (statement.name === "auth_request_set" && !/^(?:\$upstream_\w+)?$/.test(statement.args[1] ?? ""))
      holes.push(`${shown(statement)} is not taken from the answer`);
  }
  for (const server of servers) {
    const holds = server.body ?? [];
    const secure = values(holds, "listen").some((args) => args.includes("ssl"));
    const here = locationsOf(holds);
    locations += here.length;
    const internal = new Map(here.filter(isInternal).map((it) => [it.args.at(-1) ?? "", it]));
    const check = values(holds, "auth_request")[0]?.[0];
    if (secure && (check === undefined || check === "off")) holes.push("the server asks nobody");
    if (values(holds, "server_name").join() !== domain) holes.push("the server has another name");
    if (new Set(holds.filter(isPinned).map(shown)).size < pinned.size)
      holes.push("the server inherits what http {} says");
    if (holds.some((it) => it.name.startsWith("proxy_cache") && !isPinned(it)))
      holes.push("the server keeps answers");
    if (holds.some((it) => ["proxy_pass", "alias", "root"].includes(it.name) || isGrpcPart(it, domain)))
      holes.push("the server answers outside of its locations");
    for (const location of here) {
      const own = location.body ?? [];
      const match = location.args.join(" ");
      const say = (what: string) => holes.push(`location ${match}: ${what}`);
      const asks = values(own, "auth_request")[0]?.[0] ?? check;
      const does = own.map(({ name }) => name).filter((name) => answers.includes(name));
      const kind = isInternal(location)
        ? "internal"
        : asks === "off" || asks === undefined
          ? "open"
          : "protected";

      // Answers to ACME challenges that another of the environment's hosts has. It has no backend on port 80.
      if (!secure && match === "@acme") {
        if (values(own, "proxy_pass").join() !== `http://acme_${domain}` || does.length !== 1)
          say("asks others than the environment's hosts");
        if (!here.some(({ args }) => args.join(" ") === acmeChallenge))
          say("is for more than ACME challenges");
        continue;
      }
      if (kind === "open" && !open.includes(match)) {
        const allowed = secure || match !== "/" ? openByDesign(prefix)[match] : ["return"];
        if (allowed === undefined) say("is open, and nobody declared it so");
        else if (does.join() !== allowed.join()) say(`is open for ${does.join(", ") || "files"}`);
      }
      if (kind === "protected") {
        const asked = internal.get(asks ?? "");
        const target = values(asked?.body ?? [], "proxy_pass")[0]?.[0] ?? "";
        if (asked === undefined) say(`asks ${asks}, which is no internal location`);
        else if (!isQuestion(target, domain, prefix)) say(`asks ${target}`);
        // The page that an error leads to would be the answer, and any that succeeds lets everybody in.
        if (values(asked?.body ?? [], "error_page").join() !== "502,=,$uri")
          say("asks what may be answered by another than oauth2-proxy");
        // Nginx runs a return before it asks.
        if (!["proxy_pass", "grpc_pass"].includes(does.join()))
          say(`answers by ${does.join(", ") || "files"}`);
      }
      if (kind === "open" && open.includes(match)) {
        const methods = own.find(({ name, args }) => name === "if" && args[0] === "($request_method");
        const others =
          values(own, "error_page")
            .find(([status]) => status === "418")
            ?.at(-1) ?? "";
        if (methods?.args[1] !== "!~" || methods.body?.[0]?.args[0] !== "418") say("is open for any method");
        const elsewhere = here.find(({ args }) => args[0] === others);
        if (elsewhere === undefined || values(elsewhere.body ?? [], "auth_request")[0]?.[0] === "off")
          say("is not protected from other methods");
      }
      const hsts = inherited(holds, own, "add_header").some(([name]) => name === "Strict-Transport-Security");
      if (secure && !hsts) say("lets browsers come by plain HTTP");

      const [target] = values(own, "proxy_pass")[0] ?? [];
      if (values(own, "proxy_cache").length > 0) {
        const question = kind === "internal" && target !== undefined && isQuestion(target, domain, prefix);
        if (!question) say("keeps answers that are not oauth2-proxy's");
        for (const fault of cacheFaults(
          [...top, ...shared],
          own,
          target ?? "",
          session,
          passes.includes("protected"),
        ))
          say(fault);
      }
      const moves = own.some(
        ({ name, args, body: [then] = [] }) =>
          name === "if" &&
          args[0]?.startsWith("($protected_sites_destination_rule_") === true &&
          then?.args[0] === (kind === "open" ? "418" : "400"),
      );
      const isMoving = own.some(
        ({ name, args }) => name === "if" && /\b(?:COPY|MOVE)\b/.test(args.join(" ")),
      );
      if (kind === "open" && isMoving && !moves) say("lets anybody COPY or MOVE anywhere");
      if (kind === "open" && open.includes(match) && own.some((it) => isGrpcPart(it, domain))) {
        const last = own.filter(({ name }) => name === "if").at(-1);
        if (last === undefined || !isGrpcPart(last, domain)) say("passes on before it looks at the method");
      }
      for (const { name: pass, args } of passesOf(own, domain)) {
        const [to = ""] = args;
        if (inherited(holds, own, "ssi").some(([state]) => state !== "off"))
          say("lets a backend include what nobody was asked for");
        const expired = `$protected_sites_expired_${identifier(domain)}`;
        const address = to.replace(blocked, "").replace(expired, "");
        const hop = nextHop(pass, address, domain, byPath.length > 0);
        if (hop === `backend_${domain}`) {
          if (kind === "protected" && !to.includes(blocked)) say("lets people in who are blocked");
          const ends = top.some(({ name, args }) => name === "map" && args[1] === expired);
          if (kind === "protected" && ends !== to.includes(expired))
            say("lets people in whose role or group has ended");
          if (kind !== "protected" && !open.includes(match))
            say("brings people to the backend without asking");
        } else if (pass !== "proxy_pass" || hop !== `oauth2-proxy_${domain}`) say(`proxies to ${to}`);
        if (hop === `backend_${domain}` && kind === "protected" && looksAt("misread_path") && !moves)
          say("lets a COPY or MOVE lead anywhere");
        const named = kind === "protected" && hop === `backend_${domain}`;
        const set = inherited(holds, own, pass.replace("pass", "set_header"));
        const passesOn = passes.includes(kind === "open" ? match : kind) && hop === `backend_${domain}`;
        // A program's token, which is all that it may be.
        const asks = passes.includes("programs") && kind === "internal" && hop === `oauth2-proxy_${domain}`;
        const bearer = asks && isBearerOnly([...top, ...shared]) ? "$protected_sites_bearer" : undefined;
        const itsOwn = (name = "", value = "") =>
          name === "Authorization" && (passesOn ? value === "$http_authorization" : value === bearer);
        const looked = looksAt("destination_rule") && hop === `backend_${domain}` ? ["Destination"] : [];
        const methods = kind === "open" && hop === `backend_${domain}` ? otherMethodHeaders : [];
        // oauth2-proxy gets what the location itself says, and nothing else of the client's.
        const [[given = "on"] = []] = values(own, "proxy_pass_request_headers");
        if ((given === "off") !== (hop === `oauth2-proxy_${domain}`))
          say(
            given === "off" ? "takes headers from the application" : "gives oauth2-proxy what a client says",
          );
        for (const header of [...overwrittenHeaders, ...looked, ...methods]) {
          const found = set.filter(([name]) => name?.toLowerCase() === header.toLowerCase());
          const isMissing = found.length === 0 && (given === "on" || ofConnection.includes(header));
          if (found.length > 1 || isMissing) say(`sets ${header} ${found.length} times`);
          const told = found.some(([name, value]) => value !== "" && !itsOwn(name, value));
          if (!named && namingHeaders.includes(header) && told)
            say(`names a user in ${header} where nobody was asked`);
        }
        const read = (name = "", value = "") => given === "off" && asOauth2ProxyReads.get(name) === value;
        for (const [header = "", value = ""] of set.filter((it) => !itsOwn(...it) && !read(...it))) {
          for (const [, variable = ""] of value.matchAll(/\$\{?(\w+)/g))
            if (!trusted.test(variable)) say(`lets the client choose ${header} by $${variable}`);
        }
      }
    }
  }
  return { locations, holes };
}

/** Whether it is the one `if` that passes on: where the path's application speaks gRPC, and the site's others do not. */
function isGrpcPart({ name, args, body = [] }: ReadDirective, domain: string): boolean {
  return (
    name === "if" &&
    args.join(" ") === `($protected_sites_grpc_${identifier(domain)} = 1)` &&
    body.map((it) => it.name).join() === "grpc_pass"
  );
}

/** Whether the variable for oauth2-proxy holds a bearer token, or nothing. */
function isBearerOnly(top: readonly ReadDirective[]): boolean {
  const maps = top.filter(({ name, args }) => name === "map" && args[1] === "$protected_sites_bearer");
  const token = "[A-Za-z0-9_-]+";
  const only = `~^[Bb][Ee][Aa][Rr][Ee][Rr] +(?<protected_sites_token>${token}\\.${token}\\.${token})$`;
  const said = maps.map(({ args, body = [] }) => [
    args[0],
    ...body.map((it) => [it.name, ...it.args].join(" ")),
  ]);
  return (
    said.join("\n") === ["$http_authorization", "default ", `${only} Bearer $protected_sites_token`].join()
  );
}

/** What ends the address of a backend, which for people who are blocked is no address then. */
const blocked = "$protected_sites_blocked";

/** Everything by which a location brings a request to the next hop. */
function passesOf(own: readonly ReadDirective[], domain: string): readonly ReadDirective[] {
  return [
    ...own.filter(({ name }) => name === "proxy_pass" || name === "grpc_pass"),
    ...own.filter((it) => isGrpcPart(it, domain)).flatMap(({ body = [] }) => body),
  ];
}

/** The upstream of a request whose path and query go on as they came, below a path of the backend's own. */
function nextHop(pass: string, target: string, domain: string, byPath: boolean): string | undefined {
  const scheme = pass === "grpc_pass" ? "grpcs?" : "https?";
  const chosen = new RegExp(`^${scheme}://\\$protected_sites_backend_${identifier(domain)}$`);
  if (byPath && chosen.test(target)) return `backend_${domain}`;
  if (pass === "grpc_pass") return /^grpcs?:\/\/([^/$]+)$/.exec(target)?.[1];
  return /^https?:\/\/([^/$]+)(?:\/[^$]*(?:\?\$protected_sites_wanted\$args)?|(?:\/[\w.~-]+)+\$request_uri)?$/.exec(
    target,
  )?.[1];
}

function identifier(domain: string): string {
  return domain.replaceAll("-", "__").replaceAll(".", "_");
}

/** What is wrong with how a location keeps oauth2-proxy's answers. */
function* cacheFaults(
  top: readonly ReadDirective[],
  own: readonly ReadDirective[],
  target: string,
  session: string,
  forTheApplication: boolean,
): Generator<string> {
  const [zone = ""] = values(own, "proxy_cache")[0] ?? [];
  const constraint = target.includes("?") ? target.slice(target.indexOf("?")) : "";
  const [key] = values(own, "proxy_cache_key")[0] ?? [];
  if (key !== authCacheKey(constraint)) yield "keeps one answer for different questions";
  const kept = values(own, "proxy_cache_valid");
  const [status, time = ""] = kept[0] ?? [];
  if (kept.length !== 1 || status !== "202" || !/^(?:[1-5]?\d|60)s$|^1m$/.test(time))
    yield `keeps ${kept.join(" and ")}`;
  const at = values(top, "proxy_cache_path").find((args) => args.includes(`keys_zone=${zone}:1m`)) ?? [];
  if (!at[0]?.startsWith("/run/")) yield "keeps answers where they outlive the host";
  if (!at.includes("use_temp_path=off")) yield "writes answers elsewhere first";
  if (!at.includes(`inactive=${time}`)) yield "keeps answers longer than they are valid";
  const [unless = "none"] = values(own, "proxy_no_cache")[0] ?? [];
  const [bypass] = values(own, "proxy_cache_bypass")[0] ?? [];
  // By the key, what is taken belongs to the same cookies.
  if (!(forTheApplication && bypass === "0") && !isSaidWithAuthorization(top, bypass))
    yield "takes answers that it would not keep";
  const map = top.find(({ name, args }) => name === "map" && args[1] === unless);
  const entries = (map?.body ?? []).filter(({ name }) => name !== "default");
  const isKept = (authorization: string, cookie: string) =>
    entries.some(({ name }) => new RegExp(name.slice(1)).test(`${session}:${authorization}:${cookie}`));
  const otherwise = map?.body?.find(({ name }) => name === "default")?.args[0];
  const own1 = `${session}=x`;
  const unkept = ["", "a=b", `${session}=`, `${session}x=1`, `x${session}=1`, "_oauth2_proxy_other_test=x"];
  // Without Authorization only where it is the application's.
  const sources = ["$http_authorization", ...(forTheApplication ? [""] : [])];
  if (
    !sources.some((it) => map?.args[0] === `$protected_sites_session_cookie:${it}:$http_cookie`) ||
    otherwise !== "1" ||
    unkept.some((cookie) => isKept("", cookie)) ||
    isKept("Bearer x", own1) ||
    isKept("0", own1)
  )
    yield "keeps answers to who has no session";
  for (const cookie of [own1, `a=b; ${session}_1=x`, `__Host-${own1}`])
    if (!isKept("", cookie)) yield "never keeps an answer";
}

/** Whether a variable is 1 for every request with an Authorization header, whatever it says. */
function isSaidWithAuthorization(top: readonly ReadDirective[], variable: string | undefined): boolean {
  const map = top.find(({ name, args }) => name === "map" && args[1] === variable);
  const entries = (map?.body ?? []).map(({ name, args }) => `${name}:${args.join()}`);
  return map?.args[0] === "$http_authorization" && entries.sort().join(" ") === ": default:1";
}

function isQuestion(target: string, domain: string, prefix: string): boolean {
  const [at, constraint] = target.split("?", 2);
  return (
    at === `http://oauth2-proxy_${domain}${prefix}/auth` &&
    (constraint === undefined || /^allowed_groups=[\w,.-]+$/.test(constraint))
  );
}

function* everything(statements: readonly ReadDirective[]): Generator<ReadDirective> {
  for (const statement of statements) {
    yield statement;
    // A map holds patterns and values, no directives.
    if (statement.name !== "map") yield* everything(statement.body ?? []);
  }
}

function locationsOf(holds: readonly ReadDirective[]): ReadDirective[] {
  return holds.filter(({ name }) => name === "location").flatMap((it) => [it, ...locationsOf(it.body ?? [])]);
}

function isInternal({ body = [] }: ReadDirective): boolean {
  return body.some(({ name }) => name === "internal");
}

/** The constants that servers give a variable. */
function valuesOf(top: readonly ReadDirective[], variable: string): string[] {
  const servers = top.filter(({ name }) => name === "server").flatMap(({ body = [] }) => body);
  return values(servers, "set").flatMap(([name, value]) =>
    name === variable && value !== undefined ? [value] : [],
  );
}

function values(holds: readonly ReadDirective[], name: string): (readonly string[])[] {
  return holds.filter((it) => it.name === name).map(({ args }) => args);
}

/** Of these directives, one in a location hides all of its server's. */
function inherited(server: readonly ReadDirective[], location: readonly ReadDirective[], name: string) {
  const own = values(location, name);
  return own.length > 0 ? own : values(server, name);
}

function shown({ name, args }: ReadDirective): string {
  return [name, ...args].join(" ");
}
