/** A review as text for a terminal, as Markdown for a pull request's comment, and as JSON. */
import { personInWords, type SiteReview, type StackReview } from "./review.ts";
import { otherMethod, type Way } from "./access.ts";
import type { FileChange } from "./file-changes.ts";
import type { Statement } from "./statements.ts";

/** A review of all requested environments. */
export interface Review {
  readonly base: string;
  readonly head: string;
  readonly notes: readonly string[];
  readonly stacks: readonly StackReview[];
}

/** GitHub's limit of a comment, in characters; https://github.com/orgs/community/discussions/27190 */
export const commentLimit = 65_536;

/** The first line of the comment, by which the workflow finds it again to update it. */
const commentMark = "<!-- protected-sites review -->";

/** The whole change of an environment in one line. */
export function verdict(review: StackReview): string {
  const { stack, kind, counts, widens, narrows, cannotJudge, problems } = review;
  if (kind === "invalid")
    return `${stack}: INVALID, ${plural(problems.length, "error")}; it cannot be deployed`;
  if (kind === "same") return `${stack}: renders identically; no changes`;
  const scope =
    counts.sites === 0
      ? "no site changes"
      : `${plural(counts.sites, "site")} on ${plural(counts.hosts, "host")}; ${plural(counts.files, "file")} ${counts.files === 1 ? "changes" : "change"}; ${plural(counts.reloads, "reload")}, ${plural(counts.restarts, "restart")}, ${plural(counts.signOuts, "sign-out")}`;
  return [
    `${stack}: ${kind === "changed" ? "" : kind === "new" ? "a new environment; " : "the environment is removed; "}${scope}`,
    ...(widens.length > 0 ? [`ACCESS WIDENS on ${some(widens)}`] : []),
    ...(narrows.length > 0 ? [`access narrows on ${some(narrows)}`] : []),
    ...(cannotJudge.length > 0
      ? [`ACCESS CANNOT BE JUDGED on ${some(cannotJudge)}: read its nginx.conf`]
      : []),
  ].join("; ");
}

const marks: Record<Statement["effect"], string> = {
  opens: "OPENS   ",
  weakens: "WEAKENS ",
  "signs out": "SIGN-OUT",
  rotates: "rotates ",
  closes: "closes  ",
  plain: "        ",
};
const order: readonly Statement["effect"][] = ["opens", "weakens", "signs out", "rotates", "closes", "plain"];

/** For a terminal: no colours, the most important first, every diff in full. */
export function asText(review: Review): string {
  const lines = [`From ${review.base} to ${review.head}.`, ...review.notes, ""];
  for (const stack of review.stacks) {
    lines.push(verdict(stack), ...stack.notes.map((note) => `  ${note}`));
    lines.push(
      ...stack.problems.map(
        (it) => `  ${stack.source}:${it.line}: ${[it.where, it.what].filter(Boolean).join(", ")}`,
      ),
    );
    if (stack.environment.length > 0)
      lines.push("", "  the whole environment", ...statementLines(stack.environment));
    for (const { of, statements } of saidOf(stack.sites))
      lines.push("", `  ${titleOf(of)}`, ...statementLines(statements));
    lines.push("");
    for (const file of stack.files) lines.push(fileTitle(file), file.patch.trimEnd(), "");
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

function statementLines(statements: readonly Statement[]): string[] {
  return sorted(statements).map(({ effect, text }) => `    ${marks[effect]}  ${text}`);
}

/**
 * For a pull request's comment.
 * @param whole where readers find what was truncated
 */
export function asMarkdown(review: Review, whole: string, limit = commentLimit): string {
  const head: string[] = [commentMark, ""];
  const diffs: { readonly block: string; readonly title: string }[] = [];
  for (const stack of review.stacks) {
    const alarm = stack.widens.length > 0 || stack.cannotJudge.length > 0 || stack.kind === "invalid";
    head.push(alarm ? `> [!CAUTION]\n> **${verdict(stack)}**` : `**${verdict(stack)}**`, "");
    head.push(...stack.notes.map((note) => `_${note}_\n`));
    if (stack.problems.length > 0) {
      const lines = stack.problems.map(
        (it) => `${stack.source}:${it.line}: ${[it.where, it.what].filter(Boolean).join(", ")}`,
      );
      head.push(fenced(lines.join("\n")), "");
    }
    if (stack.environment.length > 0)
      head.push("The whole environment:", "", ...bullets(stack.environment), "");
    for (const { of, statements } of saidOf(stack.sites))
      head.push(titleOf(of, "**"), "", ...bullets(statements), "");
    for (const file of stack.files) {
      const title = fileTitle(file);
      diffs.push({
        title,
        block: `<details><summary><code>${title}</code></summary>\n\n${fenced(file.patch.trimEnd(), "diff")}\n\n</details>\n`,
      });
    }
  }
  const tail = [
    ...review.notes.map((note) => `_${note}_\n`),
    `<sub>From ${review.base} to ${review.head}.</sub>\n`,
  ];
  return fitted(head.join("\n"), diffs, tail.join("\n"), whole, limit);
}

/** Summary and statements come first; then as many whole diffs as fit, and the names of those that do not. */
function fitted(
  head: string,
  diffs: readonly { readonly block: string; readonly title: string }[],
  tail: string,
  whole: string,
  limit: number,
): string {
  const cut = (missing: readonly string[]) =>
    missing.length === 0
      ? ""
      : `\n**Truncated**: ${plural(missing.length, "diff")} of ${diffs.length} did not fit. All of it: ${whole}\n\n${missing
          .slice(0, 40)
          .map((it) => `- \`${it}\``)
          .join("\n")}${missing.length > 40 ? `\n- and ${missing.length - 40} more` : ""}\n`;
  const all = [head, ...diffs.map(({ block }) => block), tail].join("\n");
  if (all.length <= limit) return all;
  const reserve = tail.length + 8000;
  if (head.length > limit - reserve) {
    const kept = head.slice(0, limit - reserve - 200);
    const lines = kept.slice(0, kept.lastIndexOf("\n"));
    return `${lines}\n\n**Truncated**: the change is too large for a comment. All of it: ${whole}\n\n${tail}`;
  }
  let text = head;
  let taken = 0;
  for (const { block } of diffs) {
    if (text.length + block.length + reserve > limit) break;
    text += `\n${block}`;
    taken += 1;
  }
  return `${text}\n${cut(diffs.slice(taken).map(({ title }) => title.slice(0, 150)))}\n${tail}`;
}

function bullets(statements: readonly Statement[]): string[] {
  return sorted(statements).map(({ effect, text }) =>
    effect === "plain" ? `- ${escaped(text)}` : `- ${marked(effect)} ${escaped(text)}`,
  );
}

function marked(effect: Statement["effect"]): string {
  const word = marks[effect].trim();
  return effect === "opens" || effect === "weakens" || effect === "signs out" ? `**${word}**` : word;
}

/** All statements about a site, including newly allowed requests. */
export function statementsOf(site: SiteReview): Statement[] {
  return [
    ...site.statements,
    ...ways(site.opened).map((text): Statement => ({ effect: "opens", text: `now passes: ${text}` })),
    ...ways(site.closed).map((text): Statement => ({ effect: "closes", text: `no longer passes: ${text}` })),
    ...(site.cannotJudge === undefined
      ? []
      : [{ effect: "opens", text: `MAYBE: this cannot be judged: ${site.cannotJudge}` } as const]),
  ];
}

/** Every statement once: sites with the same statements are grouped. */
function saidOf(
  sites: readonly SiteReview[],
): { readonly of: SiteReview[]; readonly statements: Statement[] }[] {
  const byText = new Map<string, { readonly statement: Statement; readonly of: SiteReview[] }>();
  for (const site of sites)
    for (const statement of statementsOf(site)) {
      const key = `${statement.effect} ${statement.text}`;
      const entry = byText.get(key) ?? { statement, of: [] };
      if (!entry.of.includes(site)) entry.of.push(site);
      byText.set(key, entry);
    }
  const groups = new Map<string, { readonly of: SiteReview[]; readonly statements: Statement[] }>();
  for (const { statement, of } of byText.values()) {
    const key = of.map(({ name }) => name).join();
    const group = groups.get(key) ?? { of, statements: [] };
    group.statements.push(statement);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Where a site is, or which sites these are. */
function titleOf([first, ...others]: readonly SiteReview[], bold = ""): string {
  const names = [first, ...others].map((it) => it?.name).join(", ");
  return `${bold}${names}${bold}${others.length === 0 ? ` (${first?.domain ?? ""})` : ""}`;
}

/** Ways in, in at most five lines: for each kind of person the methods and paths. */
function ways(list: readonly Way[]): string[] {
  const byPerson = new Map<string, { targets: Set<string>; methods: Set<string> }>();
  for (const { method, target, person, role, from } of list) {
    const is = person === undefined ? "anybody, without signing in," : personInWords(person);
    const when = from === undefined ? "" : `from ${from.toJSON().slice(0, 10)} on, `;
    const who = `${when}${is}${role === undefined ? "" : ` with the role ${role},`}`;
    const entry = byPerson.get(who) ?? { targets: new Set(), methods: new Set() };
    entry.targets.add(target);
    entry.methods.add(method);
    byPerson.set(who, entry);
  }
  const lines = [...byPerson].map(([who, { targets, methods }]) => {
    const any = methods.has("any") || (methods.size > 6 && methods.has(otherMethod));
    return `${who} with ${any ? "any method" : [...methods].join(", ")} to ${some([...targets], 3)}`;
  });
  return lines.length > 5 ? [...lines.slice(0, 5), `and ${lines.length - 5} more kinds of people`] : lines;
}

function sorted(statements: readonly Statement[]): Statement[] {
  return [...statements].sort((one, other) => order.indexOf(one.effect) - order.indexOf(other.effect));
}

function fileTitle(file: FileChange): string {
  const { title, hosts, alsoFor, added, removed, comparedWith } = file;
  const also = alsoFor.length > 0 ? `, the same for ${some(alsoFor)}` : "";
  const compared =
    comparedWith === undefined ? "" : `; like ${comparedWith}'s with its own name, domain and ports, except`;
  return `${title} (+${added} -${removed}; on ${some(hosts)}${also}${compared})`;
}

function fenced(text: string, language = ""): string {
  const longest = Math.max(0, ...[...text.matchAll(/`{3,}/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(Math.max(3, longest + 1));
  return `${fence}${language}\n${text}\n${fence}`;
}

/** A text as Markdown shows it, which mentions nobody. */
export function escaped(text: string): string {
  return text.replace(/([\\`*_<>[\]|#@])/g, (character) =>
    character === "@" ? "@\u200b" : `\\${character}`,
  );
}

function some(names: readonly string[], most = 8): string {
  return names.length <= most
    ? names.join(", ")
    : `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}

/** As in "1 site" and "2 sites". */
export function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
