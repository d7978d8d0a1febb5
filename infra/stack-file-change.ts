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

/**
 * Writes a changed file, unless it is a dry run.
 * @returns the change as a patch
 * @throws ConfigError where the change has made the file wrong; then nothing is written, and no update meets it
 */
export function writeChange(
  file: StackFile,
  { dryRun, folder = stacksFolder }: { readonly dryRun: boolean; readonly folder?: string },
): string {
  const after = changedText(file);
  environmentOf(parseStackFile(file.stack, after));
  if (!dryRun) writeFileSync(join(folder, `Pulumi.${file.stack}.yaml`), after);
  const patch = createTwoFilesPatch(file.source, file.source, file.text, after, "", "", { context: 2 });
  return patch.split("\n").slice(1).join("\n");
}
