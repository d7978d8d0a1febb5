/** Client secrets that a change creates, but that would already have expired. */
import { parseDocument } from "yaml";

import { daysUntil } from "../client-secret-expiry.ts";
import { siteOf } from "./file-changes.ts";
import { lineOf } from "./problem-lines.ts";
import { renamesOf, withNewNames } from "./renames.ts";
import type { LocatedProblem, RenderedStack } from "./rendering.ts";

/**
 * End dates in the past that the change brings: Entra creates no such secret. A secret that has expired since it was
 * created is not among them: its file stays valid, so that it can be rotated.
 */
export function pastEndDates(
  before: RenderedStack | undefined,
  after: RenderedStack | undefined,
  now: Date,
): LocatedProblem[] {
  const text = after?.text ?? "";
  const old = withNewNames(before, renamesOf(before?.environment, after?.environment));
  return (after?.environment?.sites ?? []).flatMap(({ name, clientSecrets }) =>
    clientSecrets.flatMap(({ generation, endDate }, index) => {
      const was = siteOf(old, name)?.clientSecrets.find((it) => it.generation === generation);
      if (endDate === undefined || endDate === was?.endDate || daysUntil(endDate, now) >= 0) return [];
      const problem = {
        where: `site "${name}"`,
        what: `clientSecrets.${index}.endDate must be in the future, got "${endDate}": Entra creates no secret that has expired`,
      };
      return [{ ...problem, line: lineOf(problem, text, parseDocument(text)) }];
    }),
  );
}
