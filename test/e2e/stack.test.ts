/** What an operator sees: previews, updates and the state. */
import type { EngineEvent, Stack } from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";
import { beforeAll, expect, test } from "vitest";

import { EntraControl } from "../lab/entra/control.ts";
import { leastPermissions } from "../lab/entra/permissions.ts";
import { openStack, setAll } from "../lab/stack.ts";
import { lab } from "./instance.ts";
import { everywhere } from "./on-hosts.ts";

const entra = new EntraControl("http://192.0.2.2:8400");

let stack: Stack;

beforeAll(async () => {
  stack = await openStack(lab.name);
});

test("a second up changes nothing", async () => {
  const { summary } = await stack.up({ color: "never" });
  expect(Object.keys(summary.resourceChanges ?? {})).toEqual(["same"]);
});

test("a preview of a changed timeout shows one line, for the other hosts its text's checksum, and nothing else", async () => {
  const { text, changes } = await previewWith({ "code.proxyReadTimeout": "90s" });

  expect(changes).toEqual({ same: changes["same"], update: lab.hosts.length });
  expect(
    text
      .split("\n")
      .filter((line) => /^\s*[-+] /.test(line))
      .map(words),
  ).toEqual(["- proxy_read_timeout 60s;", "+ proxy_read_timeout 90s;"]);
  expect(text.match(/ ~ stdin *: "as code-edge-1, SHA-256 /g)).toHaveLength(lab.hosts.length - 1);
  for (const { name } of lab.hosts) expect(text).toContain(`::code-${name}]`);
});

test("a preview of a new site shows all of its files as lines, once for all hosts", async () => {
  const docs = {
    "docs.domain": "docs.lab.test",
    "docs.port": "4182",
    "docs.upstream": "http://192.0.2.3:8003",
    "docs.emailDomains[0]": "lab.test",
  };
  const { text, changes } = await previewWith(docs);

  expect(Object.keys(changes).sort()).toEqual(["create", "same"]);
  const shown = text.split("\n").map(words);
  for (const line of [
    "==> nginx.conf -> /etc/nginx/sites-enabled/docs.lab.test.conf",
    "server 192.0.2.3:8003 max_fails=0;",
    'redirect_url = "https://docs.lab.test/oauth2/callback"',
    "ListenStream=127.0.0.1:4182",
  ])
    expect(shown.filter((it) => it === line)).toEqual([line]);
});

test("a stack with another tenant than the credentials is refused, and nothing is changed", async () => {
  const resources = async () => (await stack.exportStack()).deployment as { resources: Resource[] };
  const before = (await resources()).resources;
  const tenantId = "00000000-0000-4000-8000-000000000009";
  try {
    await stack.setConfig("protected-sites:tenantId", { value: tenantId });
    const refused = new RegExp(
      `stacks/Pulumi.local.yaml: tenantId is ${tenantId}, but the credentials belong to tenant .*; sign in`,
    );
    await expect(stack.preview({ color: "never" })).rejects.toThrow(refused);
    await expect(stack.up({ color: "never" })).rejects.toThrow(refused);
  } finally {
    stack = await openStack(lab.name);
  }
  expect((await resources()).resources).toEqual(before);
});

test("a role's missing group blocks only its own site, and a missing user blocks none", async () => {
  const generation = (domain: string) => everywhere(`readlink /etc/protected-sites/sites/${domain}/current`);
  const group = `site "code": roles, "reader" names the group "gone", which does not exist in the tenant`;
  const user = `site "code": roles, "reader" names the user "gone@lab.test", which does not exist in the tenant`;
  const role = { "code.roles[0].value": "reader", "code.roles[0].groups[0]": "gone" };
  const before = [await generation("code.lab.test"), await generation("wiki.lab.test")];
  const state = async () => (await stack.exportStack()).deployment as { resources: { urn: string }[] };
  const { resources } = await state();
  try {
    const { text, changes } = await previewWith({ ...role, "wiki.proxyReadTimeout": "61s" });
    expect(text).toContain(group);
    expect(changes["delete"] ?? 0).toBe(0);
    expect(changes["update"]).toBe(lab.hosts.length);

    for (const [path, value] of Object.entries({ ...role, "wiki.proxyReadTimeout": "61s" }))
      await stack.setConfig(`protected-sites:sites.${path}`, { value }, true);
    await expect(stack.up({ color: "never" })).rejects.toThrow(group);
    const after = [await generation("code.lab.test"), await generation("wiki.lab.test")];
    expect(after[0]).toEqual(before[0]);
    expect(after[1]).not.toEqual(before[1]);
    expect(new Set((await state()).resources.map(({ urn }) => urn))).toEqual(
      new Set(resources.map(({ urn }) => urn)),
    );

    await entra.setPermissions([...leastPermissions, "User.Read.All"]);
    const gone = {
      ...role,
      "code.roles[0].groups[0]": "staff",
      "code.roles[0].users[0]": "gone@lab.test",
      "code.owners[0]": "gone@lab.test",
    };
    const { text: warned, changes: planned } = await previewWith(gone);
    expect(warned).toContain(user);
    expect(warned).toContain(
      'site "code": owners name the user "gone@lab.test", which does not exist in the tenant; the others become its owners',
    );
    expect(planned["create"]).toBe(1);
  } finally {
    await entra.reset();
    stack = await openStack(lab.name);
    await stack.up({ color: "never" });
  }
}, 400_000);

test("rejected credentials and a forbidden lookup are reported in a sentence", async () => {
  const { envVars } = stack.workspace;
  const secret = envVars["ARM_CLIENT_SECRET"] ?? "";
  const told = async (run: Promise<unknown>) => {
    const error = await run.then(
      () => "it went well",
      (it: unknown) => String(it),
    );
    expect(error).not.toMatch(/^\s+at /m);
    return error;
  };
  try {
    envVars["ARM_CLIENT_SECRET"] = "wrong";
    expect(await told(stack.preview({ color: "never" }))).toMatch(
      /not signed in to Entra: AADSTS7000215: [^\n]*\. Set ARM_TENANT_ID/,
    );
    envVars["ARM_CLIENT_SECRET"] = secret;
    const user = { "code.roles[0].value": "reader", "code.roles[0].users[0]": "ada@lab.test" };
    expect(await told(previewWith(user))).toContain(
      'user "ada@lab.test" cannot be looked up in Entra: the deployer lacks the application permission User.Read.All',
    );
  } finally {
    envVars["ARM_CLIENT_SECRET"] = secret;
    stack = await openStack(lab.name);
  }
});

test("no secret is in plain text in the state, a preview or a command", async () => {
  const { workspace } = stack;
  const { stdout: state } = await execa(
    workspace.pulumiCommand.command,
    ["stack", "export", "--stack", stack.name],
    { cwd: workspace.workDir, env: workspace.envVars },
  );
  const { text } = await preview();
  const { deployment } = (await stack.exportStack()) as { deployment: { resources: Resource[] } };
  const secrets = deployment.resources.flatMap(({ type, outputs = {}, inputs = {} }) =>
    (generated[type] ?? []).flatMap((name) => plaintexts(outputs[name] ?? inputs[name])),
  );

  // The deployer's key; for each site a client secret and a cookie secret with its hash.
  expect(secrets.length).toBeGreaterThanOrEqual(1 + 2 * 3);
  for (const secret of secrets) {
    expect(state).not.toContain(secret);
    expect(text).not.toContain(secret);
  }
});

interface Resource {
  readonly type: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** Where secrets are born, by the type of the resource. */
const generated: Readonly<Record<string, readonly string[]>> = {
  "azuread:index/applicationPassword:ApplicationPassword": ["value"],
  "random:index/randomPassword:RandomPassword": ["result", "bcryptHash"],
  "tls:index/privateKey:PrivateKey": ["privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"],
};

/** The lines of a text that the state holds encrypted; each would tell something by itself. */
function plaintexts(output: unknown): string[] {
  const { plaintext } = output as { plaintext?: string };
  if (plaintext === undefined)
    throw new Error(`the state must hold it encrypted, got ${JSON.stringify(output)}`);
  const text = JSON.parse(plaintext) as string;
  return text.split("\n").filter((line) => line.length > 16 && !line.startsWith("-----"));
}

async function preview(): Promise<{ text: string; changes: Readonly<Record<string, number>> }> {
  const events: EngineEvent[] = [];
  const { stdout, stderr } = await stack.preview({
    color: "never",
    diff: true,
    onEvent: (event) => events.push(event),
  });
  const summary = events.find(({ summaryEvent }) => summaryEvent)?.summaryEvent;
  return { text: stdout + stderr, changes: { ...summary?.resourceChanges } };
}

/** A preview with some settings of sites changed; they are as before when it returns. */
async function previewWith(settings: Readonly<Record<string, string>>): ReturnType<typeof preview> {
  try {
    await setAll(stack, settings, "sites.");
    return await preview();
  } finally {
    stack = await openStack(lab.name);
  }
}

function words(line: string): string {
  return line.trim().replaceAll(/\s+/g, " ");
}
