/** A service that speaks gRPC, called by programs that come with a token of the tenant. */
import { join } from "node:path";

import { expect } from "vitest";

import { type Application, program, readers } from "./application.ts";
import { python, pythonPackages } from "./packages.ts";
import type { Visit } from "./visit.ts";

const script = (name: string) => join(import.meta.dirname, "grpc", name);

/** Calls it with these headers. @returns what the client prints @throws with gRPC's own code */
async function call(visit: Visit, headers: Readonly<Record<string, string>>, ...words: readonly string[]) {
  const { installed, origin, ca, run } = visit;
  const target = `${new URL(origin).hostname}:443`;
  const { command, environment = {} } = python(
    installed["grpc"] ?? "",
    script("client.py"),
    target,
    ca,
    ...words,
  );
  return run(command, { environment, input: JSON.stringify(headers) });
}

const withToken = async ({ token }: Visit) => ({ authorization: `Bearer ${await token()}` });

export const grpcService: Application = {
  name: "grpc",
  title: "gRPC 1.85.1, a Python service",
  packages: { grpc: pythonPackages("grpc") },
  scheme: "grpc",
  site: {
    roles: [{ value: "member", groups: [readers], applications: [program] }],
    proxyReadTimeout: "1h",
  },

  start: ({ address, port, installed }) =>
    Promise.resolve(python(installed["grpc"] ?? "", script("server.py"), `${address}:${port}`)),

  facts: {
    "a program with a token of the tenant checks its health and asks for its services": async (visit) => {
      const headers = await withToken(visit);
      expect(await call(visit, headers, "check")).toBe("SERVING");
      expect(await call(visit, headers, "watch")).toContain("SERVING");
      expect(await call(visit, headers, "services")).toContain("lab.Echo");
    },

    "it is told of the program's role, and gets no token": async (visit) => {
      const spoofed = { "x-auth-request-user": "eve", "x-auth-request-roles": "admin" };
      const told = JSON.parse(
        await call(visit, { ...spoofed, ...(await withToken(visit)) }, "tell"),
      ) as object;
      expect(told).toMatchObject({ "x-auth-request-roles": "member", "x-forwarded-proto": "https" });
      expect(told).not.toHaveProperty("authorization");
      expect(JSON.stringify(told)).not.toContain("eve");
    },

    "both sides of a stream talk, and go on after more than a minute's silence": async (visit) => {
      expect(await call(visit, await withToken(visit), "talk", "a", "b", "70", "c")).toBe("a! b! c!");
    },

    "without a token, and with a wrong one, every kind of call is UNAUTHENTICATED": async (visit) => {
      for (const headers of [{}, { authorization: "Bearer a.b.c" }])
        for (const words of [["check"], ["watch"], ["services"], ["talk", "a", "b"]])
          await expect(call(visit, headers, ...words)).rejects.toThrow(/UNAUTHENTICATED/);
    },

    "somebody's session calls as them": async (visit) => {
      await visit.open();
      const told = JSON.parse(await call(visit, { cookie: await visit.cookie() }, "tell")) as object;
      expect(told).toMatchObject({ "x-auth-request-user": "ada@lab.test" });
      expect(JSON.stringify(told)).not.toContain("_oauth2_proxy");
    },

    "after a restart it answers again": async (visit) => {
      await visit.restart();
      const headers = await withToken(visit);
      await expect
        .poll(() => call(visit, headers, "check").catch(String), { timeout: 30_000 })
        .toBe("SERVING");
    },
  },
};
