/** A request, what happens to it, and who passes. */
import type { ReadDirective } from "../../components/nginx/read.ts";

/** A request as a client sends it. */
export interface AskedRequest {
  readonly scheme: "http" | "https";
  readonly method: string;
  /** Path and query, as in `/a%20b?c=d`. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** When. @default now */
  readonly at?: Date;
}

/** Whom oauth2-proxy lets in. */
export interface Needs {
  /** Allowed domains of the user's UPN; `*` is any. */
  readonly emailDomains: readonly string[];
  /** Who passes by name, whatever the domain: applications, by the object IDs in their tokens. */
  readonly programs: readonly string[];
  /** Who does not pass, whatever else: UPNs in lower case. @default nobody */
  readonly blocked?: readonly string[];
  /** The user must be in at least one of each list; a role of the site's registration is `role <value>`. */
  readonly groups: readonly (readonly string[])[];
  /** What has ended, and counts no more, whoever still has it. @default nothing */
  readonly ended?: readonly EndedMembership[];
}

/** A role or group as in {@link Needs}, for one person or for everybody. */
export interface EndedMembership {
  readonly group: string;
  /** The UPN. @default everybody's */
  readonly user?: string | undefined;
}

/** Whether a role or group still counts for somebody. @param upn undefined for somebody of whom nothing is said */
export function counts({ ended = [] }: Needs, group: string, upn?: string): boolean {
  return !ended.some(
    (it) => it.group === group && (it.user === undefined || it.user.toLowerCase() === upn?.toLowerCase()),
  );
}

/** A line of a file that hosts get. */
export interface Place {
  /** `nginx.conf`, `oauth2-proxy.cfg`, or the path of a file that is included. */
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** What happens to a request. */
export interface Gate {
  /** Where it ends: content of the site, the sign-in's own pages, or a response of Nginx. */
  readonly to:
    | { readonly kind: "content"; readonly what: string }
    | { readonly kind: "sign-in"; readonly what: string }
    | { readonly kind: "answer"; readonly status: number; readonly location?: string };
  /** Who gets there; undefined if anybody does. */
  readonly needs?: Needs;
  /** Where those end up who are not signed in, or not allowed. */
  readonly otherwise?: Gate["to"];
  /** Until when, if it ends. */
  readonly ends?: Date | undefined;
  /** The lines that decide, the most relevant first. */
  readonly places: readonly Place[];
  /** The location, and what it passes on: for {@link SiteReading.headersFor}. */
  readonly location?: ReadDirective;
}

/** Whether somebody passes. */
export function passes(
  needs: Needs,
  person: { readonly upn: string; readonly groups: readonly string[] },
): boolean {
  const upn = person.upn.toLowerCase();
  return (
    needs.blocked?.includes(upn) !== true &&
    (needs.programs.includes(upn) || isOf(needs.emailDomains, upn)) &&
    needs.groups.every((any) =>
      any.some((group) => person.groups.includes(group) && counts(needs, group, upn)),
    )
  );
}

/** Whether somebody is of one of these `email_domains`. @param upn in lower case */
export function isOf(emailDomains: readonly string[], upn: string): boolean {
  return emailDomains.some(
    (domain) =>
      domain === "*" ||
      upn.endsWith(`@${domain.toLowerCase()}`) ||
      (domain.startsWith(".") && upn.endsWith(domain.toLowerCase())),
  );
}
