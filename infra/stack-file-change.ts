/** A change of an environment's file by a command: the text that people wrote, but for what has changed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { applyPatch, createTwoFilesPatch, structuredPatch } from "diff";
import type { Document } from "yaml";

import { environmentOf, parseStackFile, type StackFile, stacksFolder } from "./stack-file.ts";

/**
 * The text of a changed file. The YAML library reformats some comments and spaces, so only the difference between its
 * output before and after the change is applied to the original text.
 */
export function changedText({ stack, text, document }: StackFile): string {
  let after = "";
  // People write `{a: 1}` and `{ a: 1 }`.
  for (const flowCollectionPadding of [true, false]) {
    const print = (it: Document) => it.toString({ lineWidth: 0, flowCollectionPadding });
    const before = print(parseStackFile(stack, text).document);
    after = print(document);
    const patch = structuredPatch("", "", before, after, "", "", { context: 3 });
    const patched = applyPatch(text, patch, { fuzzFactor: 3 });
    if (patched !== false) return patched;
  }
  return after;
}

/** A change of an environment's file. */
export interface ChangedFile {
  /** For example `stacks/Pulumi.prod.yaml`. */
  readonly source: string;
  /** A sentence for each change; empty if there is nothing to do. */
  readonly changes: readonly string[];
  /** In unified format; empty if there is nothing to do. */
  readonly patch: string;
  /** Whether the file has the change now: not with `--dry-run`, or if there is nothing to do. */
  readonly written: boolean;
}

/**
 * Writes a changed file, unless it is a dry run.
 * @param changes in words; without any, nothing is written
 * @throws ConfigError where the change has made the file wrong; then nothing is written, and no update meets it
 */
export function writeChange(
  file: StackFile,
  changes: readonly string[],
  {
    dryRun = false,
    folder = stacksFolder,
  }: { readonly dryRun?: boolean | undefined; readonly folder?: string } = {},
): ChangedFile {
  const { source } = file;
  if (changes.length === 0) return { source, changes, patch: "", written: false };
  const after = changedText(file);
  environmentOf(parseStackFile(file.stack, after));
  if (!dryRun) writeFileSync(join(folder, `Pulumi.${file.stack}.yaml`), after);
  const patch = createTwoFilesPatch(source, source, file.text, after, "", "", { context: 2 });
  return { source, changes, patch: patch.split("\n").slice(1).join("\n"), written: !dryRun };
}
