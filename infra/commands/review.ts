/**
 * `npm run review`: what a pull request does to every environment. Works on two commits of the repository, without
 * credentials, engine or network.
 */
import type { Command } from "commander";

import { expiryMessage } from "../client-secret-expiry.ts";
import { ReviewError, type Side, sideAt } from "../review/commits.ts";
import { asMarkdown, asText, type Review } from "../review/formats.ts";
import { pastEndDates } from "../review/past-end-dates.ts";
import type { RenderedStack } from "../review/rendering.ts";
import { completed, reviewStack, type StackReview } from "../review/review.ts";
import { action, exitCodes, named } from "./command.ts";
import { formatOption, jsonFormatOption, outputOption, type ReportOptions, writeReport } from "./options.ts";

/**
 * Compares two sides, environment by environment, those that change most first.
 * @param now the time for which an update would check that no client secret has expired
 */
export function review(base: Side, head: Side, now = new Date()): Review {
  const names = [...new Set([...Object.keys(base.stacks), ...Object.keys(head.stacks)])].sort();
  const stacks = names.map((name): StackReview => {
    const given = base.stacks[name];
    const before = given && completed(name, given);
    const after = head.stacks[name];
    const reviewed = reviewStack(name, before, after);
    const past = pastEndDates(before, after, now);
    if (past.length > 0) return { ...reviewed, kind: "invalid", problems: past };
    return reviewed.kind === "same"
      ? reviewed
      : { ...reviewed, notes: [...reviewed.notes, ...refusedByUpdates(after, now)] };
  });
  const rank = (kind: string) => (kind === "invalid" ? 0 : kind === "same" ? 2 : 1);
  return {
    base: base.name,
    head: head.name,
    notes: [base.note, head.note].filter((it) => it !== undefined),
    stacks: stacks.sort((one, other) => rank(one.kind) - rank(other.kind)),
  };
}

/** Why an update of an environment would fail although its file is valid. */
function refusedByUpdates(stack: RenderedStack | undefined, now: Date): string[] {
  const { environment } = stack ?? {};
  if (environment === undefined) return [];
  const ended = environment.sites
    .map((site) => expiryMessage(site, now, environment.expiryWarningDays))
    .filter((it) => it?.error === true)
    .map((it) => it?.text ?? "");
  return ended.map((it) => `An update would fail: ${it}.`);
}

interface Options extends ReportOptions {
  readonly base: string;
  readonly head?: string;
  readonly stack?: string[];
  readonly whole?: string;
}

export function command(): Command {
  return named("review")
    .requiredOption("--base <commit>", "the commit before the change, for example origin/main")
    .option("--head <commit>", "the commit with the change (default: the working tree)")
    .option("--stack <name...>", "only these environments")
    .option("--all", "all environments (the default)")
    .addOption(formatOption())
    .addOption(jsonFormatOption())
    .addOption(outputOption())
    .option("--whole <where>", "where a truncated report says the whole one is")
    .addHelpText("after", "\nExit code 1: an environment is invalid; 2: a commit does not exist.")
    .action(action(show, ReviewError));
}

async function show(options: Options): Promise<void> {
  const [base, head] = await Promise.all([
    sideAt(options.base, options.stack ?? []),
    sideAt(options.head, options.stack ?? []),
  ]);
  const unknown = (options.stack ?? []).filter((it) => !(it in base.stacks) && !(it in head.stacks));
  if (unknown.length > 0)
    throw new ReviewError(`neither side has stacks/Pulumi.${unknown.join(".yaml, stacks/Pulumi.")}.yaml`);
  const made = review(base, head);
  const whole =
    options.whole ??
    `\`npm run review -- --base ${options.base}${options.head === undefined ? "" : ` --head ${options.head}`}\``;
  writeReport("review", made, options, { text: asText, markdown: (it) => asMarkdown(it, whole) });
  if (made.stacks.some(({ kind }) => kind === "invalid")) process.exitCode = exitCodes.found;
}
