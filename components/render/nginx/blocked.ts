/**
 * People who get nowhere at any site of a host, whatever their session says. oauth2-proxy has told who it is when
 * Nginx passes a request on, and not before: `if` and `return` come before `auth_request`, and nothing else that refuses
 * comes after it. So the address of every backend ends in a variable, which for these people makes it one that Nginx
 * cannot parse (docs/decisions/blocked-people.md).
 */
import { blockedFile } from "../../site/names.ts";
import { block, comment, type Directive, expr, ifNotLike, type Item, printNginx } from "../../nginx/print.ts";
import { header } from "../header.ts";
import { digitsOf, isBefore, isTime, nowAnd } from "./ends.ts";
import { page, sharedOfServer } from "./error-pages.ts";
import { identityVariable } from "./identity-headers.ts";
import { internal, internalPaths } from "./locations.ts";

/** Where a port would be in the address of a backend: nothing, or for somebody who is blocked, what is no port. */
export const blockedVariable = "$protected_sites_blocked";

/** Variables of sites' servers that the maps read. */
export const variablesOfBlocked = [identityVariable("email"), identityVariable("user")];

/** Somebody on the list. */
export interface BlockedPerson {
  /** Their UPN. */
  user: string;
  /** The last day, in UTC, as `2027-01-31`; the host ends the block by its own clock. @default no end */
  until?: string;
  /** Why, for the host's log. @default none */
  why?: string;
}

const isBlocked = ":blocked";
/** Before the time at which a block ends. To a host that does not know of ends, it is no port either. */
const blockedUntil = `${isBlocked}-until-`;

/** For all sites of a host: whether who asks is blocked, by the UPN in oauth2-proxy's answer, in either of its headers. */
export function blockedMaps(): Item[] {
  const entry = `${blockedVariable}_entry`;
  const byUser = `${blockedVariable}_user`;
  const now = `${blockedVariable}_now`;
  const map = (source: string, variable: string, otherwise: Directive) =>
    block(
      ["map", expr(source), expr(variable)],
      // Nginx would keep what it was before oauth2-proxy's answer.
      [["volatile"], otherwise, ["include", blockedFile]],
    );
  return [
    comment(
      "Who is blocked at every site: the backend's address gets a port that is none, and so reaches nothing.",
    ),
    map(identityVariable("email"), entry, ["default", expr(byUser)]),
    map(identityVariable("user"), byUser, ["default", ""]),
    // Nearly everybody is on no list, which this tells without an expression.
    block(["map", expr(entry), expr(blockedVariable)], [["volatile"], ["", ""], ["default", expr(now)]]),
    block(
      ["map", expr(nowAnd(entry)), expr(now)],
      [
        ["volatile"],
        ["default", isBlocked],
        [expr(isBefore(blockedUntil)), isBlocked],
        [expr(isTime(blockedUntil)), ""],
      ],
    ),
  ];
}

/** Nginx's default for names in a map's hash table (map_hash_bucket_size), which only `http {}` can change, and only once. */
const longestInTable = 46;

/**
 * The text of {@link blockedFile}: entries of the maps, which ignore case.
 * @param people in any order, each once
 */
export function blockedList(people: readonly Readonly<BlockedPerson>[]): string {
  const names = new Map(people.map((it) => [it.user.toLowerCase(), it]));
  return printNginx([
    comment(header("nginx/blocked.ts", "every site of this host")),
    ...[...names.keys()].sort().flatMap((name): Item[] => {
      const { until, why } = names.get(name) ?? {};
      return [
        // Each comment belongs to the entry after it (components/host/protected_sites/blocked.py).
        ...(why === undefined ? [] : [comment(why)]),
        [
          // A "~" at its beginning would make it a regular expression.
          name.length > longestInTable ? expr(`~*^${escaped(name)}$`) : name.replace(/^~/, "\\~"),
          until === undefined ? isBlocked : `${blockedUntil}${digitsOf(until)}`,
        ],
      ];
    }),
  ]);
}

/** As a regular expression that matches this alone. */
export function escaped(name: string): string {
  return name.replaceAll(/[^\w@-]/g, "\\$&");
}

/** The page for an error of Nginx; somebody who is blocked gets a 403 in its place, and a page that says why. */
export const unavailableLocation: Directive = block(
  ["location", "=", `${internalPaths.pages}unavailable.html`],
  [
    ...internal,
    ["error_page", 403, `${internalPaths.pages}blocked.html`],
    ifNotLike(blockedVariable, "^$", ["return", 403]),
    ...page,
    ["alias", expr(`${sharedOfServer}/unavailable.html`)],
  ],
);
