/** Rules over several settings, as refinements of the schema that has the settings. */
import { z } from "zod";

import type { ShapedSettings } from "../shape.ts";

/**
 * Makes rules over several settings. A rule runs if the settings that it names are valid by themselves, even if others
 * are not, so that every problem is reported at once; it can access no others.
 */
export function rulesOver<Settings extends object>() {
  /**
   * @param keys the settings that it uses
   * @param problems the errors, each naming its setting
   * @param lists settings of which it uses only the number of entries, which may be invalid
   */
  return <const Key extends keyof Settings & string, const List extends keyof Settings & string = never>(
    keys: readonly Key[],
    problems: (settings: Pick<Settings, Key> & { readonly [Name in List]: readonly unknown[] }) => string[],
    lists: readonly List[] = [],
  ): z.core.$ZodCheck<Settings> =>
    z.superRefine<Settings>(
      (settings, context) => {
        for (const problem of problems(settings as Parameters<typeof problems>[0])) context.addIssue(problem);
      },
      {
        when: ({ value, issues }) =>
          typeof value === "object" &&
          value !== null &&
          !Array.isArray(value) &&
          issues.every(
            ({ path: [setting, ...inside] = [] }) =>
              !keys.some((key) => key === setting) &&
              (inside.length > 0 || !lists.some((list) => list === setting)),
          ),
      },
    );
}

/** A rule over settings of one site. */
export const siteRule = rulesOver<ShapedSettings>();
