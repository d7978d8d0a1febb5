/** Client secrets, open paths, roles, groups and blocks that a change creates, but that would already have ended. */
import { parseDocument } from "yaml";

import type { Problem } from "../../components/site/errors.ts";
import { hasEnded, type MembershipEnd, membershipEnds } from "../../components/site/ends.ts";
import { daysUntil } from "../client-secret-expiry.ts";
import { siteOf } from "./file-changes.ts";
import { lineOf } from "./problem-lines.ts";
import { renamesOf, withNewNames } from "./renames.ts";
import type { LocatedProblem, RenderedStack } from "./rendering.ts";

/**
 * End dates in the past that the change brings: Entra creates no such secret, and nothing is open or blocked. What has
 * ended since it was created is not among them: the file stays valid, so that a secret can be rotated.
 */
export function pastEndDates(
  before: RenderedStack | undefined,
  after: RenderedStack | undefined,
  now: Date,
): LocatedProblem[] {
  const text = after?.text ?? "";
  const old = withNewNames(before, renamesOf(before?.environment, after?.environment));
  return [pastSecrets, pastOpenPaths, pastMemberships, pastBlocks]
    .flatMap((past) => past(old, after, now))
    .map((problem) => ({ ...problem, line: lineOf(problem, text, parseDocument(text)) }));
}

type Past = (before: RenderedStack | undefined, after: RenderedStack | undefined, now: Date) => Problem[];

const pastSecrets: Past = (before, after, now) =>
  (after?.environment?.sites ?? []).flatMap(({ name, clientSecrets }) =>
    clientSecrets.flatMap(({ generation, endDate }, index) => {
      const was = siteOf(before, name)?.clientSecrets.find((it) => it.generation === generation);
      if (endDate === undefined || endDate === was?.endDate || daysUntil(endDate, now) >= 0) return [];
      return [
        {
          where: `site "${name}"`,
          what: `clientSecrets.${index}.endDate must be in the future, got "${endDate}": Entra creates no secret that has expired`,
        },
      ];
    }),
  );

const pastOpenPaths: Past = (before, after, now) =>
  (after?.environment?.sites ?? []).flatMap(({ name, open }) =>
    open.flatMap((entry, index) => {
      const { path, until } = entry;
      const isOld = siteOf(before, name)?.open.some((it) => it.path === path && it.until === until);
      if (isOld === true || !hasEnded(entry, now)) return [];
      return [
        {
          where: `site "${name}"`,
          what: `open.${index}.until must not have passed, got "${until ?? ""}": the path would not be open`,
        },
      ];
    }),
  );

const pastMemberships: Past = (before, after, now) =>
  (after?.environment?.sites ?? []).flatMap((site) => {
    const old = siteOf(before, site.name);
    const known = (old === undefined ? [] : membershipEnds(old)).map((it) => JSON.stringify(it));
    const problem = (field: string, end: MembershipEnd) =>
      known.includes(JSON.stringify(end)) || !hasEnded(end, now)
        ? []
        : [
            {
              where: `site "${site.name}"`,
              what: `${field}.until must not have passed, got "${end.until}": nobody would get in by it`,
            },
          ];
    return [
      ...site.temporaryGroups.flatMap((it, index) => problem(`temporaryGroups.${index}`, it)),
      ...site.roles.flatMap(({ value: group, until, temporaryUsers }, number) => [
        ...(until === undefined ? [] : problem(`roles.${number}`, { group, until })),
        ...temporaryUsers.flatMap((it, index) =>
          problem(`roles.${number}.temporaryUsers.${index}`, { group, ...it }),
        ),
      ]),
    ];
  });

const pastBlocks: Past = (before, after, now) =>
  (after?.environment?.blocked ?? []).flatMap((entry, index) => {
    const { user, until } = entry;
    const isOld = before?.environment?.blocked.some((it) => it.user === user && it.until === until);
    if (isOld === true || !hasEnded(entry, now)) return [];
    return [
      {
        where: "",
        what: `blocked.${index}.until must not have passed, got "${until ?? ""}": nobody would be blocked`,
      },
    ];
  });
