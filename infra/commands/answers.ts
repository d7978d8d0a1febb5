/**
 * What each command prints with `--json`: the one source of `answers.schema.json`, which `npm run regenerate` writes.
 * Commands without it do not have an answer of their own, and say here why.
 */
import type { AccessMatrix } from "../access-matrix.ts";
import type { HostResult } from "../blocked.ts";
import type { Row } from "../drift.ts";
import type { History } from "../history.ts";
import type { Review } from "../review/formats.ts";
import type { ChangedFile } from "../stack-file-change.ts";
import type { Who } from "../who.ts";
import type { CommandName } from "./all.ts";
import type { Expiry } from "./expiry.ts";
import type { Explanation } from "./explain.ts";
import type { HostKey } from "./host-key.ts";
import type { Revoked } from "./revoke.ts";
import type { Generations, RolledBack } from "./rollback.ts";
import type { Validity } from "./validate.ts";

/** The version of all answers: another one if a member changes its meaning or is gone. */
export const jsonVersion = 1;

/** The answers, by command. One that is not here does not compile. */
export interface Answers {
  /** Asks, or says what was missing. */
  init: never;
  /** Prints YAML. */
  import: never;
  validate: { readonly stacks: readonly Validity[] };
  review: Review;
  /** The engine's own: `-- --json`. */
  preview: never;
  /** The engine's own: `-- --json`. */
  up: never;
  /** Hosts in the order of the file, each with its sites. */
  status: { readonly rows: readonly Row[] };
  who: WhoAnswer;
  history: HistoryAnswer;
  explain: Explanation;
  matrix: AccessMatrix;
  expiry: Expiry;
  rotate: ChangedFile;
  revoke: Revoked;
  block: BlockAnswer;
  unblock: BlockAnswer;
  /** Prints the log of a job. */
  "block-disabled": never;
  /** With `--list` the generations, without it what was done. */
  rollback: Generations | RolledBack;
  promote: PromoteAnswer;
  "host-key": HostKey;
  /** Prints the export of a stack. */
  "forget-host": never;
  /** Prints the export of a stack. */
  "upgrade-state": never;
  /** Prints a script. */
  completion: never;
}

/** A list of who is blocked that has changed. */
export interface BlockAnswer extends ChangedFile {
  /** What each host says; empty with `--dry-run`. */
  readonly hosts: readonly HostResult[];
}

/** Who has used the sites. */
export interface WhoAnswer extends Who {
  /** Since when, such as `2027-01-31T08:00:00.000Z`. */
  readonly since: string;
}

/** What was done on the hosts. */
export interface HistoryAnswer extends History {
  /** Since when, such as `2027-01-31T08:00:00.000Z`. */
  readonly since: string;
}

/** What was promoted. */
export interface PromoteAnswer extends ChangedFile {
  /** What a person has to do by hand. */
  readonly left: readonly string[];
}

/** What a command prints. */
export type Answer<Name extends CommandName> = { readonly version: typeof jsonVersion } & Answers[Name];

/** The commands that have `--json`. */
export type Answering = {
  [Name in CommandName]: [Answers[Name]] extends [never] ? never : Name;
}[CommandName];

/** What the schema describes. */
export type AllAnswers = { readonly [Name in Answering]: Answer<Name> };
