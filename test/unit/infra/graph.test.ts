/** How the operator's commands sign in to Microsoft Graph. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test, vi } from "vitest";

import { signInToGraph } from "../../../infra/graph.ts";

afterEach(() => vi.unstubAllGlobals());

/** Entra, which gives everybody a token. @returns what it is asked with */
function entra() {
  const asked: Record<string, string>[] = [];
  vi.stubGlobal("fetch", (_url: string, { body }: { readonly body: URLSearchParams }) => {
    asked.push(Object.fromEntries(body));
    return Promise.resolve(Response.json({ access_token: "a-token" }));
  });
  return asked;
}

const registration = { ARM_TENANT_ID: "tenant", ARM_CLIENT_ID: "client" };

test("a job signs in with the token that it was issued, without a stored secret", async () => {
  const folder = await mkdtemp(join(tmpdir(), "graph-"));
  try {
    await writeFile(join(folder, "token"), "of-the-job\n");
    const asked = entra();
    await signInToGraph({ ...registration, AZURE_FEDERATED_TOKEN_FILE: join(folder, "token") });
    expect(asked).toEqual([
      {
        grant_type: "client_credentials",
        client_id: "client",
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: "of-the-job",
        scope: "https://graph.microsoft.com/.default",
      },
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a client secret is taken where there is one", async () => {
  const asked = entra();
  await signInToGraph({ ...registration, ARM_CLIENT_SECRET: "secret", AZURE_FEDERATED_TOKEN_FILE: "/none" });
  expect(asked).toMatchObject([{ client_secret: "secret" }]);
});
