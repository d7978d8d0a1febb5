/** An access matrix as text for a terminal or a pipe, and as Markdown for a wiki. */
import { type AccessMatrix, isJudged, type Path, type Row, type SiteAccess } from "./access-matrix.ts";
import { columns } from "./columns.ts";
import { escaped, plural } from "./review/formats.ts";
import { isExpression } from "./review/locations.ts";
import { untilInWords } from "./review/statements.ts";
import type { Who } from "./who-meets.ts";

/** What the lines are sorted by. */
export type Order = "site" | "who";

const leftOut =
  "Left out: paths at which nobody reaches a backend, such as those of the sign-in; JSON has them. Of several paths, the longest applies.";
const inEntra =
  "In Entra, and not in this file: which accounts exist, who is in a group, and conditional access.";

/** One line for each part and each of those who may open it, so that `grep` finds whole statements. */
export function asText(matrix: AccessMatrix, order: Order): string {
  const ends = columns(
    ["site", "domain", "client secret expires"],
    matrix.sites.map(({ site, domain, signInEnds }) => [site, domain, signInEnds ?? "no date in the file"]),
  );
  return [summary(matrix), "", columns(head, lines(matrix, order)), "", ends, "", ...notes(matrix), ""].join(
    "\n",
  );
}

/** A heading and a table for each site; by who, one table. */
export function asMarkdown(matrix: AccessMatrix, order: Order): string {
  const sites = matrix.sites.flatMap((it) => [
    `### ${it.site}: https://${it.domain}`,
    "",
    it.signInEnds === null
      ? "The file has no date on which the client secret expires."
      : `The client secret expires on ${it.signInEnds}; after that, nobody can sign in.`,
    "",
    markdownTable(
      head.slice(1),
      lines({ ...matrix, sites: [it] }, order).map((cells) => cells.slice(1)),
    ),
    "",
  ]);
  const all = order === "site" ? sites : [markdownTable(head, lines(matrix, order)), ""];
  return [escaped(summary(matrix)), "", ...all, ...notes(matrix).map((it) => `_${escaped(it)}_\n`)].join(
    "\n",
  );
}

function summary(matrix: AccessMatrix): string {
  const open = statements(matrix).filter(({ isOpen }) => isOpen).length;
  const { stack, source, url, sites } = matrix;
  return [
    `${stack}: who may open ${url ?? plural(sites.length, "site")}, by ${source}`,
    ...(url === undefined
      ? [`${open === 0 ? "nothing" : plural(open, "part")} open without signing in`]
      : []),
    ...(isJudged(matrix) ? [] : ["NOT ALL OF IT CAN BE JUDGED"]),
  ].join("; ");
}

function notes({ url, blocked }: AccessMatrix): string[] {
  return [
    ...(blocked.length === 0
      ? []
      : [`Blocked at every site, whatever is said above: ${blocked.join(", ")}.`]),
    ...(url === undefined ? [leftOut] : []),
    inEntra,
  ];
}

const head = ["site", "path", "methods", "who"];

function lines(matrix: AccessMatrix, order: Order): string[][] {
  const all = statements(matrix);
  const sorted =
    order === "site"
      ? all
      : all.toSorted((one, other) => (one.who < other.who ? -1 : one.who > other.who ? 1 : 0));
  return sorted.map(({ site, path, methods, who }) => [site, path, methods, who]);
}

/** One of those who may open a part, in words. */
interface Statement {
  readonly site: string;
  readonly path: string;
  readonly methods: string;
  readonly who: string;
  readonly isOpen: boolean;
}

function statements({ sites, url }: AccessMatrix): Statement[] {
  return sites.flatMap((it): Statement[] => {
    if (it.cannotJudge !== undefined) return [unknown(it, it.cannotJudge)];
    const shown = it.rows.filter((row) => url !== undefined || isShown(row));
    return shown.flatMap((row) =>
      whoInWords(row).map((who) => ({
        site: it.site,
        path: pathInWords(row, shown),
        methods: row.methods.join(", "),
        who,
        isOpen: "who" in row && row.who.some(({ kind }) => kind === "anybody"),
      })),
    );
  });
}

function unknown({ site }: SiteAccess, why: string): Statement {
  return { site, path: "everything", methods: "any", who: `CANNOT BE JUDGED: ${why}`, isOpen: false };
}

function isShown(row: Row): boolean {
  return !("to" in row) || row.to === "backend" || row.paths.some(isWholeSite);
}

function isWholeSite({ modifier, match }: Path): boolean {
  return modifier === "" && match === "/";
}

function pathInWords({ paths, scheme }: Row, shown: readonly Row[]): string {
  const others = shown.some((row) => row.scheme === scheme && !row.paths.some(isWholeSite));
  const words = paths.map((it) => {
    if (isWholeSite(it)) return others ? "everything else" : "everything";
    if (isExpression(it)) return `${it.modifier} ${it.match}`;
    return it.modifier === "=" ? it.match : `${it.match}*`;
  });
  return `${scheme === "http" ? "plain HTTP: " : ""}${words.join(", ")}`;
}

function whoInWords(row: Row): string[] {
  if ("cannotJudge" in row) return [`CANNOT BE JUDGED: ${row.cannotJudge}`];
  if (row.to === "nginx") return [`nobody: Nginx answers ${row.status}`];
  if (row.to === "sign-in") return ["everybody, but nothing of the backend: it is part of the sign-in"];
  if (row.who.length === 0) return ["nobody: it requires what nobody has"];
  return row.who.map((who) =>
    who.kind === "anybody"
      ? `everybody, without signing in${untilInWords(row)}${row.why === undefined ? "" : `: ${row.why}`}`
      : inWords(who),
  );
}

function inWords(who: Exclude<Who, { readonly kind: "anybody" }>): string {
  const held = "roles" in who ? who.roles : [];
  const roles = held.length === 0 ? "" : ` (role${held.length === 1 ? "" : "s"} ${held.join(", ")})`;
  const also = "and" in who ? who.and.map((list) => `, and one of ${list.join(", ")}`).join("") : "";
  if (who.kind === "application") return `application ${who.application}${roles}`;
  if (who.kind === "user") return `user ${who.user}${roles}${also}`;
  const anyDomain = who.emailDomains.includes("*");
  const domains = who.emailDomains.map((it) => `@${it}`).join(", ");
  if (who.kind === "account")
    return anyDomain ? "every account of the tenant, guests included" : `every account of ${domains}`;
  const except = who.except === undefined ? "" : `, except ${who.except.join(", ")}, for whom that has ended`;
  return `group ${who.group}${roles}${also}${except}; ${anyDomain ? "guests included" : `only ${domains}`}`;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map((row) => line(row.map(escaped)))].join("\n");
}
