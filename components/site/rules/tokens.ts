/** Rules over the tokens and the Authorization header that a backend gets. */
import type { Role } from "../roles.ts";
import type { Identity, ShapedSettings } from "../shape.ts";
import { siteRule } from "./rule.ts";

// One header has one meaning: the backend could not tell a client's own from ours.
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
      ? ["accessTokenScope has no effect without accessToken; add it to identityHeaders"]
      : [],
  ),
];

function passing(open: ShapedSettings["open"]): string[] {
  return open.flatMap((it, index) => (it.passAuthorization ? [`open.${index}.passAuthorization`] : []));
}

function filledByIdToken(fields: readonly string[], identityHeaders: readonly Identity[] = []): string[] {
  return identityHeaders.includes("idToken")
    ? fields.map((it) => `${it} needs the Authorization header, which idToken sets; remove one of the two`)
    : [];
}

function withTokensOfPrograms(fields: readonly string[], roles: readonly Role[]): string[] {
  return roles.some(({ applications }) => applications.length > 0)
    ? fields.map((it) => `${it} would pass on the tokens of applications with roles; remove one of the two`)
    : [];
}
