import { expect, test } from "vitest";

import { unbundle } from "../../../components/host/bundle.ts";
import { sharedFiles, sharedVersion } from "../../../components/render/nginx/shared-files.ts";
import { pagesFrom } from "../../../components/site/pages.ts";
import { tenantId } from "../../sites.ts";
import { host, settings, siteArgs } from "../review/environments.ts";
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

test("what all sites ask Entra alike is asked once", async () => {
  const callsFor = async (...names: string[]) => {
    const sites = Object.fromEntries(names.map((name, index) => [name, siteArgs(name, 4180 + index)]));
    const calls: string[] = [];
    await update(settings({ sites }), tenantId, undefined, calls);
    return calls.sort();
  };
  const client = "azuread:index/getClientConfig:getClientConfig";
  const graph = "azuread:index/getServicePrincipal:getServicePrincipal";
  // The first makes sure of the tenant.
  expect(await callsFor("code")).toEqual([client, client, graph]);
  expect(await callsFor("code", "wiki", "docs")).toEqual([client, client, graph]);
});

/** The hosts whose set-up a site's secrets and files on each of three hosts wait for. */
async function setUpsBefore(site: object): Promise<(readonly string[])[]> {
  const sites = { code: siteArgs("code", 4180, site) };
  const asked = await update(settings({ hosts: [host(1), host(2), host(3)], sites }), tenantId);
  return ["edge-1", "edge-2", "edge-3"].flatMap((it) =>
    [`code-${it}-credentials`, `code-${it}`].map((name) =>
      (asked.find((resource) => resource.name === name)?.after ?? [])
        .filter((after) => /^edge-\d+-setup$/.test(after))
        .sort(),
    ),
  );
}

test("a site's push waits for its own host's set-up and for no other, so that a host that is away holds up no other", async () => {
  const own = [1, 2, 3].map((it) => [`edge-${it}-setup`]);
  expect(await setUpsBefore({})).toEqual(own.flatMap((it) => [it, it]));
});

test("with certificates by ACME it waits for all hosts, each of which an ACME server may ask", async () => {
  const all = ["edge-1-setup", "edge-2-setup", "edge-3-setup"];
  expect(await setUpsBefore({ certificateFrom: "acme" })).toEqual(Array(6).fill(all));
});

test("sites include the shared files that their hosts get, however pages look", async () => {
  const sites = { code: siteArgs("code", 4180) };
  const asked = await update(settings({ hosts: [host(1)], sites, pages: { language: "de" } }), tenantId);
  const stdin = (name: string) => String(asked.find((it) => it.name === name)?.inputs["stdin"]);
  const files = new Map(unbundle(stdin("edge-1-setup")).map(({ name, text }) => [name, text]));
  const { shared } = JSON.parse(
    unbundle(stdin("code-edge-1")).find(({ name }) => name === "site.json")?.text ?? "{}",
  ) as { shared?: string };

  expect(files.get("unavailable.html")).toContain("ist derzeit nicht verfügbar");
  expect(shared).toBe(sharedVersion(pagesFrom({ language: "de" })));
  expect(sharedFiles(pagesFrom({ language: "de" })).map(({ name, text }) => [name, text])).toEqual(
    [...files].filter(([name]) => name !== "host.json" && name !== "protected-sites.conf"),
  );
});
