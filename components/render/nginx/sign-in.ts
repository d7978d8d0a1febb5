/** How a sign-in begins: where it leads back to, and how many one address may begin. */
import { frontChannelLogoutPath, identifier, instanceName, signInPaths } from "../../site/names.ts";
import { type Site } from "../../site/site.ts";
import {
  block,
  comment,
  type Directive,
  expr,
  group,
  ifEquals,
  ifNotLike,
  literal,
  type Item,
} from "../../nginx/print.ts";
import { errorPages, openPage, page, sharedOfServer } from "./error-pages.ts";
import { internal, internalPaths, internalWithStore, openLocation, withinOpenLocation } from "./locations.ts";
import { toOauth2Proxy, withoutBody } from "./oauth2-proxy.ts";
import { onEveryAnswer } from "./security-headers.ts";
import { deletedInFrame, leftoverCookies, voidedCookies } from "./session-cookies.ts";
import { usualSite } from "../usual-site.ts";

/** Where a browser goes after the sign-in. */
const returnTo = "$protected_sites_return_to";

/** The site's `proxyPrefix`; a constant of its server. */
export const proxyPrefixVariable = "$protected_sites_proxy_prefix";

/** For all sites of a host: where a browser goes after the sign-in, always with GET. */
export function returnToMap(): Item[] {
  const site = "^([^ ]+) ([^ ]+)";
  return [
    comment("Where to return to after a sign-in."),
    block(
      ["map", expr(`$server_name ${proxyPrefixVariable} $request $http_referer`), expr(returnTo)],
      [
        ["default", expr("https://$server_name$request_uri")],
        [
          expr(`~${site} GET \\2/start [^ ]+ https://\\1(?!\\2/)(?<protected_sites_page>/[!-~]*)$`),
          expr("https://$server_name$protected_sites_page"),
        ],
        // None of these leads anywhere without a sign-in that was begun elsewhere.
        [expr(`~${site} [A-Z]+ \\2/`), expr("https://$server_name/")],
      ],
    ),
  ];
}

/** 1 where a browser opens a page, or a frame on one, and so can run what it gets; for all sites of a host. */
const browserVariable = "$protected_sites_browser";

export function browserMap(): Directive {
  return block(
    ["map", expr("$request $http_sec_fetch_mode $http_sec_fetch_dest"), expr(browserVariable)],
    [
      ["default", ""],
      [expr("~^GET [^ ]+ [^ ]+ navigate (?:document|iframe|frame|embed|object)$"), 1],
    ],
  );
}

/** Sends such a browser to the sign-in through a page of ours, which stores the fragment of the URL. */
const beginInBrowser: readonly Directive[] = [
  ["error_page", 418, "=401", `${internalPaths.begin}begin.html`],
  ifEquals(browserVariable, 1, ["return", 418]),
];

const formVariable = "$protected_sites_form";

/**
 * For all sites of a host: 1 where what opens a page is a form that is sent. Not with another site's: no session cookie
 * comes with it, and so none when it is sent again.
 */
export function formMap(): Directive {
  return block(
    // On the way here Nginx has made a GET of it; only the request's first line still says what it was.
    ["map", expr("$http_sec_fetch_site $request"), expr(formVariable)],
    [
      ["default", ""],
      [expr("~^(?!cross-site )[^ ]* (?!GET |HEAD )"), 1],
    ],
  );
}

/** Has the browser keep such a form: a sign-in would lead back with GET, and what was typed would be lost. */
const keepForm: readonly Directive[] = [
  ["error_page", 419, "=401", `${internalPaths.begin}not-saved.html`],
  ifEquals(formVariable, 1, ["return", 419]),
];

const navigation = "$protected_sites_navigation";

/**
 * For all sites of a host: who is redirected to the sign-in, and the challenge of the 401 that the others get. It names
 * no scheme for which browsers prompt for a password.
 */
export function navigationMaps(): Item[] {
  return [
    comment(
      "Whether a browser opens a page: its headers say so or, if it is too old for that, it accepts HTML. A request with a bearer token does not.",
    ),
    block(
      ["map", expr("$http_sec_fetch_mode:$http_authorization:$http_accept"), expr(navigation)],
      [
        ["default", 0],
        // Browsers send Basic and Negotiate by themselves, for an application that has asked for it.
        [expr("~*^navigate:(?!bearer )"), 1],
        [expr("~^::.*text/html"), 1],
      ],
    ),
    block(
      ["map", expr(navigation), expr(challengeVariable)],
      [
        ["default", ""],
        // skopeo and podman take the realm for an address.
        [0, expr('Bearer realm="https://$server_name/"')],
      ],
    ),
  ];
}

const challengeVariable = "$protected_sites_challenge";

/**
 * What a 401 of ours says of itself, without which some programs keep their token to themselves,
 * https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2
 */
const challenge: Directive = ["add_header", "WWW-Authenticate", expr(challengeVariable), "always"];

const wantedVariable = "$protected_sites_wanted";

/**
 * For all sites of a host: from the `state` with which Entra sends a browser back, where the sign-in was to lead, as a
 * part of a query. oauth2-proxy writes `<nonce>:<URL>` into it; what it cannot redeem loses that.
 */
export function wantedMap(): Directive {
  return block(
    ["map", expr("$arg_state"), expr(wantedVariable)],
    [
      ["default", ""],
      [expr("~*^[\\w-]+(?:%3a|:)(?<protected_sites_rd>https(?:%3a|:).*)$"), expr("rd=$protected_sites_rd&")],
    ],
  );
}

function movedVariable({ domain }: Site): string {
  return `$protected_sites_moved_sign_in_${identifier(domain)}`;
}

/**
 * Where a sign-in was to lead that was begun before `proxyPrefix` had changed, as a query: Entra sends its browser to
 * the former callback, which the application has by now. That page of ours that knows what stood behind the "#" has
 * moved, too.
 */
export function movedSignIns(site: Site): Item[] {
  const former = formerOf(site);
  if (former.length === 0) return [];
  const own = `https(?:%3a|:)(?:%2f|/){2}${literal(site.domain)}`;
  const [slash, rest] = ["(?:%2f|/)", "(?<protected_sites_moved_rest>(?:%3f|\\?)[^&]*)"];
  const origin = "(?<protected_sites_moved_origin>";
  return [
    comment("Where to return to after a sign-in that ends at a former callback."),
    block(
      ["map", expr("$request_uri"), expr(movedVariable(site))],
      [
        ["default", ""],
        ...former.flatMap((proxyPrefix): Directive[] => {
          const begun = `~*^${literal(signInPaths({ proxyPrefix }).callback)}\\?(?:[^ ]*&)?state=[\\w-]+(?:%3a|:)`;
          const page = literal(signInPaths({ proxyPrefix }).return).replaceAll("/", slash);
          return [
            [
              expr(`${begun}${origin}${own})${page}${rest}`),
              expr(
                `rd=\${protected_sites_moved_origin}${signInPaths(site).return}$protected_sites_moved_rest`,
              ),
            ],
            [expr(`${begun}${origin}${own}${slash}[^&]*)`), expr("rd=$protected_sites_moved_origin")],
          ];
        }),
      ],
    ),
  ];
}

/** Starts such a sign-in again, which Entra answers immediately. */
function goOnWithMoved(site: Site): Directive[] {
  if (formerOf(site).length === 0) return [];
  const start = `https://${site.domain}${signInPaths(site).start}`;
  return [ifNotLike(movedVariable(site), "^$", ["return", 302, expr(`${start}?${movedVariable(site)}`)])];
}

function formerOf({ proxyPrefix, formerProxyPrefixes }: Site): string[] {
  return [...new Set(formerProxyPrefixes)].filter((it) => it !== proxyPrefix);
}

/** oauth2-proxy's endpoints for people: the sign-in, its callback and the sign-out. */
export function signInLocation(site: Site): Directive {
  const paths = signInPaths(site);
  const oauth2Proxy = `http://${instanceName(site.domain)}`;
  return openLocation(
    [paths.all],
    [
      group(signInAnswers),
      group(leftoverCookies(site)),
      group(signInLimit(site)),
      ["proxy_pass", oauth2Proxy],
      // Where Entra sends people back to. A page that says why it failed leads on to where the sign-in was to lead.
      withinOpenLocation(
        ["=", paths.callback],
        [["proxy_pass", expr(`${oauth2Proxy}${paths.callback}?${wantedVariable}$args`)]],
      ),
      withinOpenLocation(["=", paths.auth], [["return", 404]]),
      openPage(site, paths.signedOut, "signed-out.html"),
      openPage(site, paths.return, "return.html"),
    ],
  );
}

/**
 * A frame in Entra's page of a sign-out, https://openid.net/specs/openid-connect-frontchannel-1_0.html#RPLogout.
 * oauth2-proxy's own sign-out would see no cookie there, and delete none.
 */
export function frontChannelLogout(site: Pick<Site, "domain" | "sessionStore" | "cookieName">): Directive {
  return openLocation(
    ["=", frontChannelLogoutPath],
    [
      ...onEveryAnswer,
      ["add_header", "Cache-Control", "no-store"],
      ...deletedInFrame(site),
      ["default_type", "text/plain"],
      ["return", 200, ""],
    ],
  );
}

/** What the locations hold in which oauth2-proxy speaks to people. */
export const signInAnswers: readonly Directive[] = [
  ...onEveryAnswer,
  ...toOauth2Proxy({ returnTo: expr(returnTo) }),
];

/**
 * Where requests without a session go: a browser that opens a page, to the sign-in; a script, an API client or a
 * WebSocket gets the 401.
 */
export function beginLocation(site: Site): Directive {
  return block(
    ["location", "=", internalPaths.signIn],
    [
      group(begins(site, goOnWithMoved(site))),
      group(signInLimit(site)),
      ["proxy_pass", `http://${instanceName(site.domain)}${signInPaths(site).signIn}`],
    ],
  );
}

/**
 * Directives of {@link beginLocation} on every site with this session store.
 * @param moved where a browser goes whose sign-in has moved
 */
export function begins(site: Pick<Site, "sessionStore">, moved: readonly Directive[] = []): Item[] {
  return [
    ...withoutSession(site),
    challenge,
    ifEquals(navigation, 0, ["return", 401]),
    ...keepForm,
    ...moved,
    ...beginInBrowser,
    // The server's own would lead back here.
    ...errorPages,
    ...toOauth2Proxy({ returnTo: expr(returnTo) }),
    ...withoutBody,
  ];
}

/** The pages of ours for a browser that has no session. */
export function beginPages(site: Pick<Site, "sessionStore">): Item[] {
  return [
    block(
      ["location", "^~", internalPaths.begin],
      [...withoutSession(site), ...errorPages, ...page, ["alias", expr(`${sharedOfServer}/`)]],
    ),
  ];
}

/** Where only somebody whose session has been refused is led, and only while the store of sessions answers. */
function withoutSession(site: Pick<Site, "sessionStore">): Directive[] {
  const isKnown = site.sessionStore === "redis" ? internalWithStore : internal;
  return [...isKnown, ...onEveryAnswer, ...voidedCookies(site)];
}

const counted = "$protected_sites_begins_sign_in";

/**
 * For all sites of a host: the client's address where a request begins a sign-in or ends one; nothing, which Nginx does
 * not count, at the endpoints of who is signed in. Read only in the locations of a site's sign-in.
 */
export function signInsByAddress(): Directive {
  return block(
    ["map", expr("$uri"), expr(counted)],
    [
      ["default", ""],
      [expr("~/(?:start|sign_in|callback|sign-in)$"), expr("$server_name $binary_remote_addr")],
    ],
  );
}

/** Counts the sign-ins of all sites of a host that have the usual rate, by site and address. */
export function sharedSignInZone(): Directive {
  return ["limit_req_zone", expr(counted), `zone=${sharedZone}:10m`, `rate=${usualSite.signInRate}`];
}

/** The same for a site with a rate of its own. */
export function ownSignInZone({ domain, signInRate }: Site): Directive[] {
  if (signInRate === "off" || signInRate === usualSite.signInRate) return [];
  return [["limit_req_zone", expr(counted), `zone=${ownZone(domain)}:1m`, `rate=${signInRate}`]];
}

/** Counts sign-ins; the check of a session is none. */
export function signInLimit(site: Pick<Site, "domain" | "signInRate">): Directive[] {
  if (site.signInRate === "off") return [];
  const [, rate = "", unit] = /^(\d+)r\/([sm])$/.exec(site.signInRate) ?? [];
  // An office that comes to work at nine has one address.
  const burst = unit === "s" ? 10 * Number(rate) : Number(rate);
  return [
    ["limit_req", `zone=${zoneOf(site)}`, `burst=${burst}`, "nodelay"],
    ["limit_req_dry_run", "off"],
    ["limit_req_status", 429],
    // Its line in the error log would hold the query, and so a sign-in's code.
    ["limit_req_log_level", "notice"],
  ];
}

/** Names that no zone has had which counted by another key: with such a change Nginx does not reload. */
const sharedZone = "protected_sites_sign_ins";
const ownZone = (domain: string) => `protected_sites_sign_ins_${identifier(domain)}`;

function zoneOf({ domain, signInRate }: Pick<Site, "domain" | "signInRate">): string {
  return signInRate === usualSite.signInRate ? sharedZone : ownZone(domain);
}
