/** Rules over the tokens and the Authorization header that an application gets. */
import type { Role } from "../roles.ts";
import type { Identity, ShapedSettings } from "../shape.ts";
import { siteRule } from "./rule.ts";

// One header has one meaning: the application could not tell a client's own from ours.
export const tokenRules = [
  siteRule(["passAuthorization", "identityHeaders"], ({ passAuthorization, identityHeaders }) =>
    filledByIdToken(passAuthorization ? ["passAuthorization"] : [], identityHeaders),
  ),
  siteRule(["open", "identityHeaders"], ({ open, identityHeaders }) =>
    filledByIdToken(passing(open), identityHeaders),
  ),
  siteRule(["passAuthorization", "roles"], ({ passAuthorization, roles }) =>
    withTokensOfPrograms(passAuthorization ? ["passAuthorization"] : [], roles),
  ),
  siteRule(["open", "roles"], ({ open, roles }) => withTokensOfPrograms(passing(open), roles)),
  siteRule(["accessTokenScope", "identityHeaders"], ({ accessTokenScope, identityHeaders = [] }) =>
    accessTokenScope !== undefined && !identityHeaders.includes("accessToken")
      ? ["accessTokenScope is for a token that nobody gets; add accessToken to identityHeaders"]
      : [],
  ),
];

function passing(open: ShapedSettings["open"]): string[] {
  return open.flatMap((it, index) => (it.passAuthorization ? [`open.${index}.passAuthorization`] : []));
}

function filledByIdToken(fields: readonly string[], identityHeaders: readonly Identity[] = []): string[] {
  return identityHeaders.includes("idToken")
    ? fields.map((it) => `${it} needs the Authorization header that idToken fills; leave one of the two out`)
    : [];
}

function withTokensOfPrograms(fields: readonly string[], roles: readonly Role[]): string[] {
  return roles.some(({ applications }) => applications.length > 0)
    ? fields.map(
        (it) =>
          `${it} would hand on the tokens with which applications of roles come; leave one of the two out`,
      )
    : [];
}
