/**
 * What sites have in common, in files that exist once per host, in a folder for each version of them. A site's generation
 * names its version (docs/decisions/what-sites-share.md), and its file includes them; other values are in the site's own
 * file. Whatever opens access to a backend or to oauth2-proxy is always in the site's own file.
 */
import { createHash } from "node:crypto";

import {
  comment,
  type Directive,
  expr,
  type Group,
  ifEquals,
  type Item,
  printNginx,
  withGroupsAs,
} from "../../nginx/print.ts";
import { http2File, internalPath, paths } from "../../site/names.ts";
import { type Pages, usualPages } from "../../site/pages.ts";
import type { Site } from "../../site/site.ts";
import { header } from "../header.ts";
import {
  badRequestPage,
  blockedPage,
  errorPage,
  errorPageFile,
  signedOutPage,
  tooManyPage,
  topFile,
  topOfPage,
  unavailablePage,
} from "../pages.ts";
import { beginPage, notSavedPage, returnPage } from "../sign-in-pages.ts";
import { answering, connectionHeaders, userHeaders } from "./backend.ts";
import { unavailableLocation } from "./blocked.ts";
import { errorPages, page, pagesLocation } from "./error-pages.ts";
import { answerVariables } from "./identity-headers.ts";
import { inherited } from "./inherited.ts";
import { acmeChallenge, internal, internalPaths, openLocation } from "./locations.ts";
import { asking, askingForStore } from "./oauth2-proxy.ts";
import { refuseHtFiles } from "./path-rules.ts";
import { onEveryAnswer } from "./security-headers.ts";
import { leftoverCookies, renewedCookies } from "./session-cookies.ts";
import { beginPages, begins, frontChannelLogout, signInAnswers, signInLimit } from "./sign-in.ts";
import { intermediateTls } from "./tls.ts";
import { usualSite } from "../usual-site.ts";

/** A file that all sites of a host share: its name in the folder of its version, and its text. */
export interface SharedFile {
  readonly name: string;
  readonly text: string;
}

const texts: readonly (readonly [name: string, why: string, items: readonly Item[]])[] = [
  ["http", "The server for plain HTTP.", httpServer()],
  ["https", "The server for HTTPS.", httpsServer()],
  ["acme", "ACME challenges.", [acmeChallenge()]],
  ["backend", "Headers about the connection, for every backend.", connectionHeaders("http")],
  ["backend-grpc", "The same for gRPC backends.", connectionHeaders("grpc")],
  ["user", "The default identity headers.", userHeaders("http", "user", usualSite)],
  ["user-grpc", "The same for gRPC backends.", userHeaders("grpc", "user", usualSite)],
  ["anonymous", "On open paths, the backend gets no identity.", userHeaders("http", "nobody", usualSite)],
  ["anonymous-grpc", "The same for gRPC backends.", userHeaders("grpc", "nobody", usualSite)],
  ["backend-limits", "The default connect timeout, retries and buffers for backends.", answering(usualSite)],
  ["ht-files", "Apache's hidden files.", [refuseHtFiles]],
  ["page", "A page of the site.", page],
  ["internal-page", "A page that only Nginx itself can request.", [...internal, ...page]],
  ["sign-in", "Headers for oauth2-proxy's own pages.", signInAnswers],
  ["sign-in-limit", "The default limit of sign-ins per address.", signInLimit(usualSite)],
  [
    "new-session",
    "A response with a new session deletes what is left of an older one.",
    leftoverCookies(usualSite),
  ],
  ["auth-request", "The subrequest of auth_request.", asking({ programs: false })],
  [
    "auth-request-with-tokens",
    "The same on sites that accept bearer tokens of applications.",
    asking({ programs: true }),
  ],
  ["store-check", "Asks oauth2-proxy whether its session store is reachable.", askingForStore()],
  ...(["cookie", "minimal", "redis"] as const).flatMap((sessionStore) => {
    const site = { ...usualSite, sessionStore };
    return [
      [
        `session-${sessionStore}`,
        "Cookies of renewed sessions, pages for requests without a session, and the front-channel logout.",
        [...renewedCookies(site), ...beginPages(site), frontChannelLogout(site)],
      ],
      [`begin-${sessionStore}`, "Sends requests without a session to the sign-in.", begins(site)],
    ] as const;
  }),
];

const included: readonly SharedFile[] = texts.map(([name, why, items]) => ({
  name: `${name}.conf`,
  text: printNginx([
    comment(header("nginx/shared-files.ts", "every site of this host")),
    comment(why),
    ...items,
  ]),
}));

/** The files, in the order in which a reader meets them. @param pages how the pages look */
export function sharedFiles(pages: Pages = usualPages): SharedFile[] {
  const top = topOfPage(pages);
  return [
    ...included,
    ...(top === "" ? [] : [{ name: topFile, text: `${top}\n` }]),
    { name: "begin.html", text: beginPage(pages) },
    { name: "return.html", text: returnPage(pages) },
    { name: "not-saved.html", text: notSavedPage(pages) },
    { name: errorPageFile, text: errorPage(pages) },
    { name: "signed-out.html", text: signedOutPage(pages) },
    { name: "bad-request.html", text: badRequestPage(pages) },
    { name: "unavailable.html", text: unavailablePage(pages) },
    { name: "too-many.html", text: tooManyPage(pages) },
    { name: "blocked.html", text: blockedPage(pages) },
  ];
}

/** Their version, which a host works out in the same way: digits of the SHA-256 of names and texts. */
export function sharedVersion(pages: Pages = usualPages): string {
  const known = versions.get(pages);
  if (known !== undefined) return known;
  const inOrder = sharedFiles(pages).sort((one, other) => (one.name < other.name ? -1 : 1));
  const content = inOrder.map(({ name, text }) => `${name}\n${text}`).join("");
  const version = createHash("sha256").update(content).digest("hex").slice(0, 16);
  versions.set(pages, version);
  return version;
}

// Each site's files name it, and it renders every page.
const versions = new WeakMap<Pages, string>();

const names = new Map(texts.map(([name, , items]) => [printNginx(items), name]));

/** A site's items with what it says as others do as an `include` of it. */
export function withIncludes({ domain }: Pick<Site, "domain">, items: readonly Item[]): Item[] {
  const as = ({ group }: Group): readonly Item[] => {
    if (group.length === 0) return [];
    const name = names.get(printNginx(group));
    return name === undefined ? withGroupsAs(group, as) : [include(domain, name)];
  };
  return withGroupsAs(items, as);
}

function include(domain: string, name: string): Directive {
  return ["include", `${paths(domain).shared}/${name}.conf`];
}

function httpServer(): Item[] {
  return [
    ["listen", 80],
    ["listen", "[::]:80"],
    ["server_tokens", "off"],
    ["auth_request", "off"],
    ...inherited,
    comment("Everything else is redirected to HTTPS."),
    openLocation(["/"], [["return", 301, expr("https://$server_name$request_uri")]]),
  ];
}

function httpsServer(): Item[] {
  return [
    ["listen", 443, "ssl"],
    ["listen", "[::]:443", "ssl"],
    ["include", http2File],
    ["server_tokens", "off"],
    ...intermediateTls,
    ...inherited,
    comment("Security headers of every response."),
    ...onEveryAnswer,
    comment("Error pages that replace Nginx's own."),
    ["error_page", 401, "=", internalPaths.signIn],
    ...errorPages,
    // Also where a sign-in fails, to which an error page has led.
    ["recursive_error_pages", "on"],
    pagesLocation,
    unavailableLocation,
    comment("The user, from oauth2-proxy's response."),
    ...answerVariables(),
    comment("Nginx's own paths; none of them reaches the backend."),
    openLocation([internalPath], [["return", 404]]),
    comment("For the push: the generation that is live. Only the host itself may request it."),
    openLocation(
      ["=", `${internalPath}generation`],
      [
        ["default_type", "text/plain"],
        ifEquals("$protected_sites_from_host", 0, ["return", 404]),
        ["return", 200, expr("$server_name $protected_sites_generation")],
      ],
    ),
  ];
}
