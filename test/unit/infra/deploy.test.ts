import { expect, test } from "vitest";

import { tenantId } from "../../sites.ts";
import { host, settings } from "../review/environments.ts";
import { update } from "../settings/declared.ts";

test("with credentials of another tenant nothing is declared: the registrations would be created there", async () => {
  const other = "00000000-0000-4000-8000-000000000009";
  let refusal: unknown;
  const asked = await update(settings(), other, (error) => {
    refusal = error;
  });
  expect(String(refusal)).toContain(`tenantId is ${tenantId}, but the credentials belong to tenant ${other}`);
  expect(asked.filter(({ type }) => type !== "pulumi:pulumi:Stack")).toEqual([]);
});

test("the first host gets another program and another oauth2-proxy before the others, which wait for it alone", async () => {
  const asked = await update(settings({ hosts: [host(1), host(2), host(3)] }), tenantId);
  const before = (name: string) =>
    asked.find((it) => it.name === name)?.after.filter((it) => /^edge-\d+-setup$/.test(it));
  expect(["edge-1-program", "edge-2-program", "edge-3-program"].map(before)).toEqual([
    [],
    ["edge-1-setup"],
    ["edge-1-setup"],
  ]);
});
