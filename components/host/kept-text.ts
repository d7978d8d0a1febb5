/**
 * Texts that commands read and the state does not store: it names them by their checksums, and over-ssh.sh reads them
 * from files of the machine that runs the engine. docs/decisions/one-text-in-the-state.md
 */
import { createHash } from "node:crypto";
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

import * as pulumi from "@pulumi/pulumi";

import { replaceFile, userCache } from "./user-cache.ts";

/** What a command reads. */
export interface CommandInput {
  /** The text, or a line that ends with the checksum of the kept text. */
  readonly stdin: pulumi.Input<string>;
  /** @default false */
  readonly isKept?: boolean;
}

/**
 * A text that several resources send, so that it stands once in the state and in a diff.
 * @param shownBy the resource that has it there. Default: this one
 * @throws Error if the text's file cannot be written
 */
export function shownOnce(text: string, shownBy?: string): CommandInput {
  return shownBy === undefined ? { stdin: text } : keptText(`as ${shownBy}`, text);
}

/** By whom and with what checksum a command's input says that its text is shown; nothing if it is the text itself. */
export function shownElsewhere(stdin: string): { readonly by: string; readonly sum: string } | undefined {
  const [, by, sum] = /^as (\S+), SHA-256 ([0-9a-f]{64})$/.exec(stdin) ?? [];
  return by === undefined || sum === undefined ? undefined : { by, sum };
}

/** A text's SHA-256 in lower-case hexadecimal. */
export function checksum(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/**
 * A text that the state names and does not store.
 * @param what says in the state and in a diff what it is
 * @throws Error if the text's file cannot be written
 */
export function keptText(what: string, text: string): CommandInput {
  const sum = checksum(text);
  // A preview runs nothing.
  if (!pulumi.runtime.isDryRun()) keep(sum, text);
  return { stdin: `${what}, SHA-256 ${sum}`, isKept: true };
}

/** Where the texts are; over-ssh.sh reads them there. */
const folder = () => userCache("sent");

/** In milliseconds: older than that are those of updates that have ended. */
const longestUpdate = 24 * 60 * 60 * 1000;

function keep(name: string, text: string): void {
  replaceFile(join(folder(), name), text);
  removeOld();
}

let removed = false;

function removeOld(): void {
  if (removed) return;
  removed = true;
  for (const name of readdirSync(folder())) {
    const file = join(folder(), name);
    const written = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
    if (written !== undefined && Date.now() - written > longestUpdate) rmSync(file, { force: true });
  }
}
