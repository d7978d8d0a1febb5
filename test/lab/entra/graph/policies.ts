/** Conditional access policies. */
import { randomUUID } from "node:crypto";

import { directoryDate } from "../dates.ts";
import type { Policy } from "../model.ts";
import { merged } from "../objects.ts";
import { type GraphCall, requireForPolicies, type Route } from "./call.ts";
import { GraphRefusal, notThere } from "./errors.ts";
import { list, one } from "./odata.ts";

const all = /^\/identity\/conditionalAccess\/policies$/;
const single = /^\/identity\/conditionalAccess\/policies\/([0-9a-f-]{36})$/;

/** The calls. */
export const policyRoutes: readonly Route[] = [
  [
    "GET",
    all,
    (call) => {
      requireForPolicies(call, "Policy.Read.All");
      return list(
        call,
        call.tenant.policies.map((policy) => ({ ...policy })),
      );
    },
  ],
  [
    "POST",
    all,
    async (call) => {
      requireChanging(call);
      const made = {
        ...merged({}, call.body),
        id: randomUUID(),
        createdDateTime: directoryDate(),
        modifiedDateTime: null,
      } as unknown as Policy;
      check(call, made);
      call.tenant.policies.push(made);
      await call.state.save();
      return one(call, { ...made }, 201);
    },
  ],
  [
    "GET",
    single,
    (call, id) => {
      requireForPolicies(call, "Policy.Read.All");
      return one(call, { ...find(call, id) });
    },
  ],
  [
    "PATCH",
    single,
    async (call, id) => {
      requireChanging(call);
      const before = find(call, id);
      const after = {
        ...merged(before as unknown as Record<string, unknown>, call.body),
        id: before.id,
        modifiedDateTime: directoryDate(),
      } as unknown as Policy;
      check(call, after);
      call.tenant.policies = call.tenant.policies.map((policy) => (policy === before ? after : policy));
      await call.state.save();
      return { status: 204 };
    },
  ],
  [
    "DELETE",
    single,
    async (call, id) => {
      requireChanging(call);
      const found = find(call, id);
      call.tenant.policies = call.tenant.policies.filter((policy) => policy !== found);
      await call.state.save();
      return { status: 204 };
    },
  ],
];

/** Only all three together are enough. */
function requireChanging(call: GraphCall): void {
  requireForPolicies(call, "Policy.Read.All", "Policy.ReadWrite.ConditionalAccess", "Application.Read.All");
}

function find({ tenant }: GraphCall, id = ""): Policy {
  const found = tenant.policies.find((policy) => policy.id === id);
  if (found === undefined) throw notThere(id);
  return found;
}

function check({ tenant }: GraphCall, { displayName, state, conditions }: Policy): void {
  const refuse = (text: string) => new GraphRefusal(400, "BadRequest", text);
  if (!displayName) throw refuse("1051: Policy displayName is missing.");
  if (!["enabled", "disabled", "enabledForReportingButNotEnforced"].includes(state))
    throw refuse(`1052: Policy state ${state} is not known.`);
  const { includeApplications = [], excludeApplications = [] } = conditions.applications ?? {};
  // Empty lists are a mistake that Graph itself stumbles over.
  if (includeApplications.length === 0) throw new GraphRefusal(500, "UnknownError", "");
  const unknown = [...includeApplications, ...excludeApplications].find(
    (appId) =>
      !["All", "None", "Office365"].includes(appId) &&
      !tenant.principals.some(({ servicePrincipal }) => servicePrincipal.appId === appId),
  );
  if (unknown !== undefined) throw refuse(`1011: Policy contains invalid applications: {0}: ${unknown}`);
}
