import { expect, test } from "vitest";

import { findings, registeredSites, unknownRegistrations } from "../../../infra/entra-secrets.ts";
import type { GraphCall } from "../../../infra/graph.ts";
import { revoke } from "../../../infra/commands/revoke.ts";
import { environmentOf, parseStackFile } from "../../../infra/stack-file.ts";

const urn = (type: string, name: string) => `urn:pulumi:prod::protected-sites::${type}::${name}`;

/** A state with wiki's registration and these generations of its client secret; the key ID of each is `key-<n>`. */
const state = (...generations: readonly number[]) => ({
  version: 3,
  deployment: {
    resources: [
      { urn: urn("pulumi:pulumi:Stack", "prod"), type: "pulumi:pulumi:Stack" },
      {
        urn: urn("azuread:index/application:Application", "wiki"),
        type: "azuread:index/application:Application",
        id: "/applications/object-1",
        outputs: { clientId: "client-1" },
      },
      ...generations.map((generation) => ({
        urn: urn("azuread:index/applicationPassword:ApplicationPassword", `wiki-client-secret-${generation}`),
        type: "azuread:index/applicationPassword:ApplicationPassword",
        id: `object-1/password/key-${generation}`,
      })),
    ],
  },
});

/** Entra with these secrets of wiki; remembers what was asked of it. */
function entra(...keyIds: readonly string[]) {
  const asked: string[] = [];
  const kept = new Set(keyIds);
  const graph: GraphCall = (method, path, body) => {
    asked.push([method, path, JSON.stringify(body)].join(" ").trim());
    if (path.endsWith("/removePassword")) kept.delete((body as { keyId: string }).keyId);
    const application = {
      id: "object-1",
      appId: "client-1",
      passwordCredentials: [...kept].map((keyId) => ({ keyId, displayName: `name of ${keyId}` })),
    };
    return Promise.resolve(
      path.includes("$filter")
        ? { value: [application, { id: "object-2", appId: "client-2" }] }
        : application,
    );
  };
  return { graph, asked, kept };
}

test("a secret in Entra that is not in the state is reported, with the command that removes it", async () => {
  const { graph } = entra("key-1", "stray");
  expect(findings(await registeredSites(state(1), graph))).toEqual([
    {
      site: "wiki",
      what: 'Entra has client secret stray ("name of stray"), which is not in the stack\'s state',
      remedy: "az ad app credential delete --id client-1 --key-id stray",
    },
  ]);
});

test("a secret of the state that is missing in Entra is reported", async () => {
  const { graph } = entra("key-1");
  const found = findings(await registeredSites(state(1, 2), graph));
  expect(found.map(({ what }) => what)).toEqual([
    "client secret 2 (key-2) is no longer in Entra; hosts that use it cannot sign anybody in",
  ]);
});

test("a second registration with a site's name is reported", async () => {
  const { graph } = entra("key-1");
  const registered = await registeredSites(state(1), graph);
  const sites = [{ name: "wiki", domain: "wiki.example.com" }];
  expect((await unknownRegistrations(sites, registered, graph)).map(({ what }) => what)).toEqual([
    'Entra has a registration "Protected site wiki.example.com" (client-2), which is not in the stack\'s state',
  ]);
});

const environment = environmentOf(
  parseStackFile(
    "prod",
    `config:
  protected-sites:tenantId: 5f0c0de0-1111-4222-8333-444455556666
  protected-sites:hosts:
    - { name: edge-1, address: 10.0.0.11, hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)} }
    - { name: edge-2, address: 10.0.0.12, hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)} }
  protected-sites:sites:
    wiki:
      domain: wiki.example.com
      port: 4180
      upstream: http://127.0.0.1:3000
      emailDomains: [example.com]
      clientSecrets: [{ generation: 2 }]
`,
  ),
);

/** Revokes on an engine that cannot reach the host edge-1, or cannot make secrets at all. */
function revoked(cannot: "reach edge-1" | "make secrets", without: readonly string[] = []) {
  const inEntra = entra("key-1", "key-2", "stray");
  const targets: string[][] = [];
  const engine = {
    up: ({ target = [] }: { target?: string[] } = {}) => {
      targets.push(target);
      const fails = cannot === "make secrets" || target.some((it) => it.includes("edge-1"));
      return fails ? Promise.reject(new Error("code: 255\nerror: no route\nmore")) : Promise.resolve({});
    },
    exportStack: () => Promise.resolve(state(1, 2)),
    refresh: ({ target = [] }: { target?: string[] } = {}) => {
      targets.push(target);
      return Promise.resolve({});
    },
  };
  const said: string[] = [];
  const interrupted = revoke({
    stack: engine as unknown as Parameters<typeof revoke>[0]["stack"],
    graph: inEntra.graph,
    environment,
    sites: environment.sites,
    without,
    say: (line) => said.push(line),
  });
  return { interrupted, said, targets, ...inEntra };
}

test("if a host cannot be reached, a revocation updates the others, names that host, and leaves only the new secret in Entra", async () => {
  const { interrupted, said, targets, kept } = revoked("reach edge-1", ["edge-1"]);
  expect(await interrupted).toEqual({
    revoked: ["key-1", "stray"].map((keyId) => ({
      site: "wiki",
      keyId,
      displayName: expect.any(String) as string,
    })),
    notUpdated: ["edge-1"],
  });
  expect(said).toContain("host edge-1: could not be updated: no route");
  expect(said).toContain("host edge-2: uses them");
  expect([...kept]).toEqual(["key-2"]);
  expect(targets).toEqual([
    ["**::wiki-client-secret-2"],
    ["**::wiki-edge-1-credentials"],
    ["**::wiki-edge-2-credentials"],
    [urn("azuread:index/applicationPassword:ApplicationPassword", "wiki-client-secret-1")],
  ]);
});

test("a revocation removes no secret that a host still uses, and says what removing it would do", async () => {
  const { interrupted, asked, said } = revoked("reach edge-1");
  await expect(interrupted).rejects.toThrow(/^Nothing has been removed .* edge-1 .*--without edge-1\.$/s);
  expect(said).toContain("host edge-2: uses them");
  expect(asked).toEqual([]);
});

test("a revocation removes nothing if no new secret can be created", async () => {
  const { interrupted, asked } = revoked("make secrets");
  await expect(interrupted).rejects.toThrow("no route");
  expect(asked).toEqual([]);
});
