import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";

import { deploy } from "../../../infra/deploy.ts";
import { tenantId } from "../../sites.ts";
import { deployed } from "../components/pretend-cloud.ts";
import { settings } from "../review/environments.ts";

test("with credentials of another tenant nothing is declared: the registrations would be made there", async () => {
  pulumi.runtime.setAllConfig(
    Object.fromEntries(
      Object.entries(settings({ repairDrift: false })).map(([key, value]) => [
        `protected-sites:${key}`,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    ),
  );
  const other = "00000000-0000-4000-8000-000000000009";
  let refusal: unknown;
  const asked = await deployed(
    () =>
      deploy().catch((error: unknown) => {
        refusal = error;
      }),
    { signedInTo: other },
  );
  expect(String(refusal)).toContain(`tenantId is ${tenantId}, but the credentials belong to tenant ${other}`);
  expect(asked.filter(({ type }) => type !== "pulumi:pulumi:Stack")).toEqual([]);
});
