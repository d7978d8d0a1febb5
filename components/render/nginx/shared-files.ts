/**
 * What sites say alike, in files that stand once on a host, in a folder for each version of them. A site's generation
 * names its version (docs/decisions/what-sites-share.md) and includes what it says; what it says otherwise stands in its
 * own file. Whatever opens a way to an application or to oauth2-proxy is in the site's own file in any case.
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
import type { Site } from "../../site/site.ts";
import { header } from "../header.ts";
import { badRequestPage, signedOutPage, tooManyPage, unavailablePage } from "../pages.ts";
import { beginPage, notSavedPage, returnPage } from "../sign-in-pages.ts";
import { answering, connectionHeaders, userHeaders } from "./backend.ts";
import { errorPages, page, pagesLocation } from "./error-pages.ts";
import { answerVariables } from "./identity-headers.ts";
import { inherited } from "./inherited.ts";
import { acmeChallenge, internal, internalPaths, openLocation } from "./locations.ts";
import { asking, askingForStore } from "./oauth2-proxy.ts";
import { refuseHtFiles } from "./path-rules.ts";
import { onEveryAnswer } from "./security-headers.ts";
import { leftoverCookies, renewedCookies } from "./session-cookies.ts";
import { beginPages, begins, signInAnswers, signInLimit } from "./sign-in.ts";
import { intermediateTls } from "./tls.ts";
import { usualSite } from "../usual-site.ts";

/** A file that all sites of a host share: its name in the folder of its version, and its text. */
export interface SharedFile {
  readonly name: string;
  readonly text: string;
}

const texts: readonly (readonly [name: string, why: string, items: readonly Item[]])[] = [
  ["http", "Each site's server for plain HTTP.", httpServer()],
  ["https", "Each site's server.", httpsServer()],
  ["acme", "Proof for an ACME server.", [acmeChallenge()]],
  ["backend", "What every backend learns of a connection.", connectionHeaders("http")],
  ["backend-grpc", "What every backend that speaks gRPC learns of a connection.", connectionHeaders("grpc")],
  ["user", "What a backend usually learns of the user.", userHeaders("http", "user", usualSite)],
  ["user-grpc", "The same for one that speaks gRPC.", userHeaders("grpc", "user", usualSite)],
  [
    "nobody",
    "Where anybody may enter, a backend learns of no user.",
    userHeaders("http", "nobody", usualSite),
  ],
  ["nobody-grpc", "The same for one that speaks gRPC.", userHeaders("grpc", "nobody", usualSite)],
  [
    "answering",
    "How long a backend usually may take, and how large its headers may be.",
    answering(usualSite),
  ],
  ["ht-files", "Files that Apache's users hide.", [refuseHtFiles]],
  ["page", "A page of the site's.", page],
  ["internal-page", "A page to which only Nginx leads.", [...internal, ...page]],
  ["sign-in", "What oauth2-proxy learns where it speaks to people.", signInAnswers],
  ["sign-in-limit", "How many sign-ins one address may usually begin.", signInLimit(usualSite)],
  [
    "new-session",
    "An answer that brings a session takes back what an older one left.",
    leftoverCookies(usualSite),
  ],
  ["ask", "How oauth2-proxy is asked about a request.", asking({ programs: false })],
  ["ask-with-tokens", "The same where programs come with tokens.", asking({ programs: true })],
  ["ask-for-store", "How oauth2-proxy is asked whether its store answers.", askingForStore()],
  ...(["cookie", "minimal", "redis"] as const).flatMap((sessionStore) => {
    const site = { ...usualSite, sessionStore };
    return [
      [
        `session-${sessionStore}`,
        "Who has a session, and who has none.",
        [...renewedCookies(site), ...beginPages(site)],
      ],
      [`begin-${sessionStore}`, "Where whoever has no session goes.", begins(site)],
    ] as const;
  }),
];

/** The files, in the order in which a reader meets them. */
export const sharedFiles: readonly SharedFile[] = [
  ...texts.map(([name, why, items]) => ({
    name: `${name}.conf`,
    text: printNginx([
      comment(header("nginx/shared-files.ts", "every site of this host")),
      comment(why),
      ...items,
    ]),
  })),
  { name: "begin.html", text: beginPage() },
  { name: "return.html", text: returnPage() },
  { name: "not-saved.html", text: notSavedPage() },
  { name: "signed-out.html", text: signedOutPage() },
  { name: "bad-request.html", text: badRequestPage() },
  { name: "unavailable.html", text: unavailablePage() },
  { name: "too-many.html", text: tooManyPage() },
];

/** Their version, which a host works out in the same way: digits of the SHA-256 of names and texts. */
export const sharedVersion: string = createHash("sha256")
  .update(
    [...sharedFiles]
      .sort((one, other) => (one.name < other.name ? -1 : 1))
      .map(({ name, text }) => `${name}\n${text}`)
      .join(""),
  )
  .digest("hex")
  .slice(0, 16);

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
    comment("Everything is at https."),
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
    comment("What every answer says to browsers."),
    ...onEveryAnswer,
    comment("Pages in place of Nginx's own."),
    ["error_page", 401, "=", internalPaths.signIn],
    ...errorPages,
    // Also where a sign-in fails, to which an error page has led.
    ["recursive_error_pages", "on"],
    pagesLocation,
    comment("What oauth2-proxy's answer says of the user."),
    ...answerVariables(),
    comment("No path of an application's."),
    openLocation([internalPath], [["return", 404]]),
    comment("For the push: which generation answers. Only the host itself may ask."),
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
