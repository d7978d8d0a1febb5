/**
 * The stand-in of @pulumi/azuread makes the calls of the real provider, in its order (as logged from
 * terraform-provider-azuread 3.9.0). Against a directory in memory, without an engine.
 */
import { randomUUID } from "node:crypto";

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { provider } from "../lab/closed/providers/azuread.ts";
import { Unfinished } from "../lab/closed/providers/provider.ts";
import type { Call, ResourceType } from "../lab/closed/providers/provider.ts";

const caller = "11111111-0000-4000-8000-000000000001";
const credentials = { tenantId: "tenant", clientId: "deployer", clientSecret: "secret" };

const calls: string[] = [];
const objects = new Map<string, Record<string, unknown>>();
/** Answers given before the directory is asked, for example `{ status: 429, headers: { "retry-after": "0" } }`. */
const disturbances: { when: RegExp; status: number; body?: unknown; headers?: Record<string, string> }[] = [];

const call: Call = { status: () => undefined, log: () => undefined, signal: AbortSignal.timeout(60_000) };
const type = (token: string): ResourceType => {
  const found = provider.resources[token];
  if (found === undefined) throw new Error(token);
  return found;
};
const application = type("azuread:index/application:Application");
const password = type("azuread:index/applicationPassword:ApplicationPassword");
const servicePrincipal = type("azuread:index/servicePrincipal:ServicePrincipal");

/** The calls since the last look, IDs named by what they are. */
function taken(names: Record<string, string> = {}): string[] {
  return calls.splice(0).map((line) => {
    let text = line;
    for (const [name, id] of Object.entries(names)) text = text.replaceAll(id, name);
    return text;
  });
}

function answer(method: string, url: URL, body: Record<string, unknown>): Response {
  const path = url.pathname.replace(/^\/(v1\.0|beta)/, "");
  const json = (status: number, value: unknown) => Response.json(value, { status });
  const missing = () =>
    json(404, { error: { code: "Request_ResourceNotFound", message: "it does not exist" } });
  if (url.host === "login.microsoftonline.com") {
    const payload = Buffer.from(JSON.stringify({ oid: caller })).toString("base64url");
    return json(200, { access_token: `e30.${payload}.x`, expires_in: 3600 });
  }
  if (path.endsWith("/owners") || url.searchParams.has("$filter")) return json(200, { value: [] });
  if (path.endsWith("/$ref")) return new Response(null, { status: 204 });
  const [, kind = "", id = "", action] = path.split("/");
  if (method === "POST" && id === "") {
    const made = { ...body, id: randomUUID(), appId: body["appId"] ?? randomUUID(), passwordCredentials: [] };
    objects.set(`${kind}/${made.id}`, made);
    return json(201, made);
  }
  const object = objects.get(`${kind}/${id}`);
  if (object === undefined) return missing();
  const credentialsOf = object["passwordCredentials"] as { keyId: string }[];
  if (action === "addPassword") {
    const given = body["passwordCredential"] as object;
    const made = {
      ...given,
      keyId: randomUUID(),
      startDateTime: "2026-01-01T00:00:00Z",
      endDateTime: "2028",
    };
    credentialsOf.push(made);
    return json(200, { ...made, secretText: "the secret" });
  }
  if (action === "removePassword") {
    object["passwordCredentials"] = credentialsOf.filter(({ keyId }) => keyId !== body["keyId"]);
    return new Response(null, { status: 204 });
  }
  if (method === "PATCH") Object.assign(object, body);
  if (method === "DELETE") objects.delete(`${kind}/${id}`);
  return method === "GET" ? json(200, object) : new Response(null, { status: 204 });
}

beforeEach(async () => {
  vi.stubEnv("LAB_GRAPH_POLL_INTERVAL_MS", "0");
  vi.stubGlobal("fetch", (address: string, init: RequestInit) => {
    const url = new URL(address);
    const method = init.method ?? "GET";
    calls.push(
      `${method} ${url.host.startsWith("login") ? url.href : url.pathname + decodeURIComponent(url.search)}`,
    );
    const index = disturbances.findIndex(({ when }) => when.test(calls.at(-1) ?? ""));
    const [disturbance] = index < 0 ? [] : disturbances.splice(index, 1);
    if (disturbance !== undefined)
      return Promise.resolve(
        Response.json(disturbance.body ?? {}, {
          status: disturbance.status,
          headers: { "retry-after": "0", ...disturbance.headers },
        }),
      );
    const body = typeof init.body === "string" ? (JSON.parse(init.body) as Record<string, unknown>) : {};
    return Promise.resolve(answer(method, url, body));
  });
  calls.length = 0;
  disturbances.length = 0;
  objects.clear();
  await provider.configure?.(credentials);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
});

test("it signs in before anything else", () => {
  expect(taken()).toEqual(["POST https://login.microsoftonline.com/tenant/oauth2/v2.0/token"]);
});

test("an application is created, read and changed, and its deletion is awaited", async () => {
  taken();
  const made = await application.create({ displayName: "code" }, call, "code");
  const app = String(made.outputs["objectId"]);
  expect(made.id).toBe(`/applications/${app}`);
  expect(made.outputs["displayName"]).toBe("code");
  const read = [
    "GET /v1.0/applications/APP",
    "GET /beta/applications/APP?$select=oauth2RequirePostResponse",
    "GET /v1.0/applications/APP/owners",
  ];
  expect(taken({ APP: app, CALLER: caller })).toEqual([
    "POST /v1.0/applications",
    "PATCH /v1.0/applications/APP",
    "PATCH /v1.0/applications/APP",
    "DELETE /v1.0/applications/APP/owners/CALLER/$ref",
    ...read,
  ]);
  await application.update?.(made.id, { displayName: "wiki" }, made.outputs, call);
  expect(taken({ APP: app })).toEqual(["PATCH /v1.0/applications/APP", ...read]);
  await application.delete?.(made.id, made.outputs, call);
  expect(taken({ APP: app })).toEqual([
    "DELETE /v1.0/applications/APP",
    ...Array<string>(5).fill("GET /v1.0/applications/APP"),
  ]);
});

test("a caller who is one of the owners stays one", async () => {
  taken();
  const made = await application.create(
    { displayName: "code", owners: [caller.toUpperCase()] },
    call,
    "code",
  );
  expect(taken().filter((line) => line.includes("$ref"))).toEqual([]);
  expect(objects.get(made.id.slice(1))?.["owners@odata.bind"]).toEqual([
    `https://graph.microsoft.com/v1.0/directoryObjects/${caller}`,
  ]);
});

test("a client secret is created once it was read five times, and deleted once it was missing five times", async () => {
  const { id: applicationId, outputs } = await application.create({ displayName: "code" }, call, "code");
  const app = String(outputs["objectId"]);
  taken();
  const made = await password.create({ applicationId, displayName: "first" }, call, "secret");
  const key = String(made.outputs["keyId"]);
  expect(made.id).toBe(`${app}/password/${key}`);
  expect(made.outputs).toMatchObject({ value: "the secret", displayName: "first" });
  expect(taken({ APP: app })).toEqual([
    "GET /v1.0/applications/APP",
    "POST /v1.0/applications/APP/addPassword",
    ...Array<string>(5).fill("GET /v1.0/applications/APP"),
    "GET /v1.0/applications/APP",
  ]);
  await password.delete?.(made.id, made.outputs, call);
  expect(taken({ APP: app })).toEqual([
    "POST /v1.0/applications/APP/removePassword",
    ...Array<string>(5).fill("GET /v1.0/applications/APP"),
  ]);
});

test("a service principal is looked for, created and patched", async () => {
  taken();
  const made = await servicePrincipal.create({ clientId: "the-client" }, call, "code");
  const principal = String(made.outputs["objectId"]);
  expect(taken({ SP: principal, CALLER: caller })).toEqual([
    "GET /v1.0/servicePrincipals?$filter=appId+eq+'the-client'",
    "POST /v1.0/servicePrincipals",
    "PATCH /v1.0/servicePrincipals/SP",
    "DELETE /v1.0/servicePrincipals/SP/owners/CALLER/$ref",
    "GET /v1.0/servicePrincipals/SP",
    "GET /beta/servicePrincipals/SP?$select=samlMetadataUrl",
    "GET /v1.0/servicePrincipals/SP/owners",
  ]);
});

test("throttling, outages and new objects that are not found yet are retried; a refusal is reported in Graph's words", async () => {
  taken();
  disturbances.push(
    { when: /^POST .*applications$/, status: 429 },
    { when: /^POST .*applications$/, status: 503 },
    { when: /^PATCH/, status: 404 },
    { when: /^PATCH/, status: 409 },
  );
  await application.create({ displayName: "code" }, call, "code");
  expect(taken().filter((line) => /^(POST|PATCH)/.test(line))).toHaveLength(2 + 1 + 2 + 2);

  const body = { error: { code: "Authorization_RequestDenied", message: "Insufficient privileges." } };
  disturbances.push({ when: /^POST/, status: 403, body });
  await expect(application.create({ displayName: "wiki" }, call, "wiki")).rejects.toThrow(
    "unexpected status 403 (403 Forbidden) with error: Authorization_RequestDenied: Insufficient privileges.",
  );
});

test("an application whose creation is interrupted is not forgotten", async () => {
  disturbances.push({ when: /^DELETE/, status: 403 });
  const error: unknown = await application
    .create({ displayName: "code" }, call, "code")
    .catch((e: unknown) => e);
  expect(error).toBeInstanceOf(Unfinished);
  const { resource } = error as Unfinished;
  expect(resource.id).toMatch(/^\/applications\/./);
  expect(resource.outputs["objectId"]).toBe(resource.id.split("/").at(-1));
});
