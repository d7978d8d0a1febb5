/** Whether the tenant lets a person into an application: account, assignment, consent, conditional access. */
import { type Code, EntraError } from "./errors.ts";
import { allGroupsOf, assignmentsOf } from "./membership.ts";
import type { PermissionScope, Policy } from "./model.ts";
import type { Subject } from "./claims.ts";
import { missingConsent, type Wish } from "./scopes.ts";

/** What stands between a person and an application. */
export type Obstacle =
  | { readonly kind: "blocked"; readonly error: EntraError }
  | { readonly kind: "secondFactor" }
  | { readonly kind: "signInAgain"; readonly authTime: number; readonly maxSeconds: number }
  | {
      readonly kind: "consent";
      readonly scopes: readonly PermissionScope[];
      readonly byAdministrator: boolean;
    };

/** How the person has signed in. */
export interface Proof {
  readonly amr: readonly string[];
  /** Seconds since 1970. */
  readonly authTime: number;
}

/** What a policy would have done, or did. */
export interface PolicyResult {
  readonly displayName: string;
  readonly result: "success" | "failure" | "reportOnlySuccess" | "reportOnlyFailure";
}

/** The first thing that Entra would stop at, if any. */
export function obstacleOf(subject: Subject, wish: Wish, proof: Proof): Obstacle | undefined {
  const { application, principal, user, tenant } = subject;
  const { servicePrincipal } = principal;
  const blocked = (code: Code, ...about: string[]): Obstacle => ({
    kind: "blocked",
    error: new EntraError(code, about),
  });

  if (!user.accountEnabled) return blocked(50057);
  if (!servicePrincipal.accountEnabled) return blocked(7000112, application.appId, application.displayName);
  if (proof.authTime * 1000 < user.validFrom)
    return { kind: "signInAgain", authTime: proof.authTime, maxSeconds: 0 };

  const policies = tenant.policies
    .filter(({ state }) => state === "enabled")
    .filter((policy) => applies(policy, subject));
  const controls = policies.filter((policy) => !isSatisfied(policy, proof.amr));
  if (controls.some(needs("block"))) return blocked(53003);
  if (controls.some(needs("mfa"))) return { kind: "secondFactor" };
  if (controls.length > 0) return blocked(53000);
  for (const policy of policies) {
    const maxSeconds = frequency(policy);
    if (maxSeconds !== undefined && Date.now() / 1000 - proof.authTime > maxSeconds)
      return { kind: "signInAgain", authTime: proof.authTime, maxSeconds };
  }

  if (servicePrincipal.appRoleAssignmentRequired && assignmentsOf(tenant, principal, user).length === 0)
    return blocked(50105, user.signInName, application.appId, application.displayName);

  const scopes = missingConsent(tenant, principal, user.id, wish);
  if (scopes.length > 0) {
    const byAdministrator =
      servicePrincipal.appRoleAssignmentRequired || scopes.some(({ type }) => type === "Admin");
    return { kind: "consent", scopes, byAdministrator };
  }
  return undefined;
}

/** The error of an obstacle where no page can be shown: at the token endpoint and with prompt=none. */
export function errorOf(obstacle: Obstacle, { application, user }: Subject): EntraError {
  switch (obstacle.kind) {
    case "blocked":
      return obstacle.error;
    case "secondFactor": {
      const claims = JSON.stringify({
        access_token: { capolids: { essential: true, values: [application.id] } },
      });
      return new EntraError(50076, [application.appId], { claims });
    }
    case "signInAgain": {
      const issued = new Date(obstacle.authTime * 1000).toISOString();
      return obstacle.maxSeconds === 0
        ? new EntraError(50173, [issued, new Date(user.validFrom).toISOString()])
        : new EntraError(70043, [issued, String(obstacle.maxSeconds)]);
    }
    case "consent":
      return new EntraError(65001, [application.appId, application.displayName]);
  }
}

/** What every policy that concerns this sign-in made of it, those in report-only mode too. */
export function policyResults(subject: Subject, proof: Proof): PolicyResult[] {
  return subject.tenant.policies
    .filter((policy) => policy.state !== "disabled" && applies(policy, subject))
    .map((policy) => {
      const success = isSatisfied(policy, proof.amr);
      const result =
        policy.state === "enabled"
          ? success
            ? "success"
            : "failure"
          : success
            ? "reportOnlySuccess"
            : "reportOnlyFailure";
      return { displayName: policy.displayName, result };
    });
}

function applies({ conditions }: Policy, { application, user, tenant }: Subject): boolean {
  const { includeApplications = [], excludeApplications = [] } = conditions.applications ?? {};
  const names = (list: readonly string[]) => list.includes("All") || list.includes(application.appId);
  if (!names(includeApplications) || excludeApplications.includes(application.appId)) return false;

  const {
    includeUsers = [],
    excludeUsers = [],
    includeGroups = [],
    excludeGroups = [],
  } = conditions.users ?? {};
  const groups = allGroupsOf(tenant, user.id).map(({ id }) => id);
  const isMeant = (users: readonly string[], ofGroups: readonly string[]) =>
    users.includes("All") ||
    users.includes(user.id) ||
    (users.includes("GuestsOrExternalUsers") && user.userType === "Guest") ||
    ofGroups.some((id) => groups.includes(id));
  return isMeant(includeUsers, includeGroups) && !isMeant(excludeUsers, excludeGroups);
}

/** The lab has no devices: of all controls only the second factor can be met. */
function isSatisfied({ grantControls }: Policy, amr: readonly string[]): boolean {
  const controls = grantControls?.builtInControls ?? [];
  if (controls.length === 0) return true;
  const met = (control: string) => control === "mfa" && amr.includes("mfa");
  return grantControls?.operator === "AND" ? controls.every(met) : controls.some(met);
}

const needs =
  (control: string) =>
  ({ grantControls }: Policy): boolean =>
    grantControls?.builtInControls?.includes(control) === true;

/** Seconds; "every time" tolerates five minutes, as Entra does. */
function frequency({ sessionControls }: Policy): number | undefined {
  const found = sessionControls?.signInFrequency;
  if (!found || found.isEnabled === false) return undefined;
  if (found.frequencyInterval === "everyTime") return 300;
  return (found.value ?? 0) * (found.type === "days" ? 86_400 : 3600);
}
