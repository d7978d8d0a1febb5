/** `npm run block-disabled` against the emulated Graph, on loopback, with a stand-in for ssh. */
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

import { command } from "../../../infra/commands/block-disabled.ts";
import { changesBetween, type Person, readState, signInName } from "../../../infra/entra-people.ts";
import { environmentOf, parseStackFile } from "../../../infra/stack-file.ts";
import { tenantId } from "../../lab/entra/directory.ts";
import { leastPermissions } from "../../lab/entra/permissions.ts";
import { Trial } from "../../lab/entra/trial.ts";

const text = (blocked = "", emailDomains = "lab.test") => `config:
  protected-sites:tenantId: ${tenantId}
${blocked}  protected-sites:hosts:
    - name: edge-1
      address: 192.0.2.1
      hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}
  protected-sites:sites:
    wiki:
      domain: wiki.example.com
      port: 4180
      upstream: http://127.0.0.1:3000
      emailDomains: [${emailDomains}]
`;

let entra: Trial;
let folder: string;
let said: string[];
const path = (name: string) => join(folder, name);

beforeAll(async () => {
  entra = await Trial.start();
  const direct = fetch;
  vi.stubGlobal("fetch", async (url: string, request: RequestInit = {}) => {
    // The emulator's own controls.
    if (!url.startsWith("https://")) return direct(url, request);
    const form = request.body instanceof URLSearchParams ? request.body.toString() : undefined;
    const { status, headers, body } = await entra.visitor().fetch(url, {
      method: request.method ?? "GET",
      headers: {
        ...(form !== undefined ? { "content-type": "application/x-www-form-urlencoded" } : {}),
        ...(request.headers as Record<string, string> | undefined),
      },
      ...(form !== undefined ? { body: form } : {}),
    });
    return new Response(body, { status, headers });
  });
});
afterAll(async () => {
  vi.unstubAllGlobals();
  await entra.close();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "block-disabled-"));
  await entra.control.reset();
  await entra.control.setPermissions(["User.Read.All"]);
  await entra.control.behave({ usersDelta: { pageSize: 2, tokens: "known", tracksSessions: true } });
  await writeFile(path("Pulumi.prod.yaml"), text());
  await hostsAnswer("cat >> $SENT; echo 'edge-1: in force'");
  const { clientId, clientSecret } = entra.deployer;
  vi.stubEnv("ARM_CLIENT_ID", clientId);
  vi.stubEnv("ARM_CLIENT_SECRET", clientSecret);
  vi.stubEnv("PATH", [folder, process.env["PATH"]].join(delimiter));
  vi.stubEnv("SENT", path("sent"));
  said = [];
  for (const method of ["log", "error"] as const)
    vi.spyOn(console, method).mockImplementation((line: string) => void said.push(line));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  process.exitCode = undefined;
  await rm(folder, { recursive: true });
});

/** What `ssh` does. */
async function hostsAnswer(script: string) {
  await writeFile(path("ssh"), `#!/bin/sh\n${script}\n`);
  await chmod(path("ssh"), 0o755);
}

/** @returns how it ended, and all that it said */
async function run(...args: readonly string[]) {
  process.exitCode = undefined;
  said = [];
  const given = ["--stack", "prod", "--folder", folder, "--state", path("state.json"), ...args];
  await command().parseAsync(given, { from: "user" });
  const { exitCode = 0 } = process;
  process.exitCode = undefined;
  return { exitCode, all: said.join("\n") };
}

const blocked = async () =>
  environmentOf(parseStackFile("prod", await readFile(path("Pulumi.prod.yaml"), "utf8"))).blocked;
const users = async () => (await blocked()).map(({ user }) => user);
const sent = () => readFile(path("sent"), "utf8").catch(() => "");
const state = () => readFile(path("state.json"), "utf8");
const today = new Date().toISOString().slice(0, 10);

test("the first run takes a baseline, of everybody and for nobody else to read, and blocks nobody", async () => {
  const { exitCode, all } = await run("--baseline");
  expect(exitCode).toBe(0);
  // Mallory is disabled, and was before.
  expect(all).toContain("prod: a baseline of 6 people, 1 of them disabled: nobody is blocked.");
  expect(await users()).toEqual([]);
  expect(await sent()).toBe("");
  expect((await stat(path("state.json"))).mode & 0o777).toBe(0o600);
  expect(readState(await state())?.people.size).toBe(6);
});

test("without a state nothing is tried: a job that has lost it must not go on as if nothing had happened", async () => {
  expect(await run()).toMatchObject({ exitCode: 2, all: expect.stringContaining("--baseline") as string });
  await run("--baseline");
  expect(await run("--baseline")).toMatchObject({
    exitCode: 2,
    all: expect.stringContaining("would forget whoever was disabled since") as string,
  });
  await writeFile(path("state.json"), "{}");
  expect(await run()).toMatchObject({
    exitCode: 2,
    all: expect.stringContaining("expected what an earlier run has written") as string,
  });
});

test("who is disabled or deleted afterwards is blocked, in the file and on the hosts, once", async () => {
  await run("--baseline");
  expect(await run()).toMatchObject({
    exitCode: 0,
    all: expect.stringContaining("0 disabled, 0 deleted") as string,
  });
  expect(await sent()).toBe("");

  await entra.control.setEnabled("bob", false);
  await entra.control.deleteUser("ada");
  const { exitCode, all } = await run();
  expect(exitCode).toBe(0);
  expect(all).toMatch(/ada@lab\.test +deleted +to block/);
  expect(all).toMatch(/bob@lab\.test +disabled +to block/);
  expect(all).toContain("1 disabled, 1 deleted, 0 enabled again, 0 sessions revoked: 2 to block");
  expect(all).toContain("edge-1: in force");
  expect(await blocked()).toEqual([
    { user: "ada@lab.test", why: `Deleted in Entra, seen on ${today}.` },
    { user: "bob@lab.test", why: `Disabled in Entra, seen on ${today}.` },
  ]);
  expect((await sent()).match(/^\S+ :blocked;$/gm)).toEqual([
    "ada@lab.test :blocked;",
    "bob@lab.test :blocked;",
  ]);

  await rm(path("sent"));
  expect(await run()).toMatchObject({ exitCode: 0 });
  expect(await users()).toHaveLength(2);
  expect(await sent()).toBe("");
});

test("a dry run shows that, and changes nothing: the next run finds it again", async () => {
  await run("--baseline");
  const before = await state();
  await entra.control.setEnabled("bob", false);
  const { exitCode, all } = await run("--dry-run");
  expect(exitCode).toBe(0);
  expect(all).toContain("+    - user: bob@lab.test");
  expect([await users(), await sent(), await state()]).toEqual([[], "", before]);
  await run();
  expect(await users()).toEqual(["bob@lab.test"]);
});

test("more people than --limit: nobody is blocked, and a higher limit blocks them all", async () => {
  await run("--baseline");
  for (const user of ["ada", "bob", "grace"]) await entra.control.setEnabled(user, false);
  expect(await run("--limit", "2")).toMatchObject({
    exitCode: 2,
    all: expect.stringContaining("3 people to block, and --limit is 2: nobody was blocked") as string,
  });
  expect([await users(), await sent()]).toEqual([[], ""]);
  expect(await run("--limit", "3")).toMatchObject({ exitCode: 0 });
  expect(await users()).toEqual(["ada@lab.test", "bob@lab.test", "grace@lab.test"]);
});

test("a host that cannot be reached is named, and gets the list by the next run", async () => {
  await run("--baseline");
  await entra.control.setEnabled("bob", false);
  await hostsAnswer("echo 'no route to host' >&2; exit 255");
  expect(await run()).toMatchObject({
    exitCode: 1,
    all: expect.stringContaining("NOT in force everywhere: see edge-1") as string,
  });
  expect(await users()).toEqual(["bob@lab.test"]);
  await hostsAnswer("cat >> $SENT");
  expect(await run()).toMatchObject({
    exitCode: 0,
    all: expect.stringMatching(/bob.*blocked already/) as string,
  });
  expect(await sent()).toMatch(/bob@lab\.test"? :blocked;/);
  await rm(path("sent"));
  await run();
  expect(await sent()).toBe("");
});

describe("where Graph no longer knows the state, everybody is compared with it, and nobody is missed", () => {
  test.each(["gone", "expired"] as const)("%s", async (tokens) => {
    await run("--baseline");
    await entra.control.setEnabled("bob", false);
    await entra.control.deleteUser("ada");
    // Of the tokens from now on, the one of the baseline is the only one that is refused.
    const { deltaLink } = readState(await state()) ?? { deltaLink: "" };
    await entra.control.behave({ usersDelta: { pageSize: 100, tokens, tracksSessions: true } });
    const { exitCode, all } = await run();
    expect(exitCode).toBe(0);
    expect(all).toContain("prod: Entra no longer knows the state of ");
    expect(await users()).toEqual(["ada@lab.test", "bob@lab.test"]);
    expect(readState(await state())?.deltaLink).not.toBe(deltaLink);
  });
});

test("somebody whom a person has blocked stays as they are, and who is enabled again stays blocked, which every run says", async () => {
  const mine = "  protected-sites:blocked:\n    - { user: Ada@lab.test, why: Her laptop was stolen. }\n";
  await writeFile(path("Pulumi.prod.yaml"), text(mine));
  await run("--baseline");
  for (const user of ["ada", "bob"]) await entra.control.setEnabled(user, false);
  expect((await run()).all).toMatch(/ada@lab\.test +disabled +blocked already/);
  for (const user of ["ada", "bob"]) await entra.control.setEnabled(user, true);
  const { all } = await run();
  expect(all).toMatch(/bob@lab\.test +enabled again +not blocked here/);
  for (const later of [all, (await run()).all]) {
    expect(later).toContain("stays blocked until: npm run unblock -- --stack prod bob@lab.test");
    expect(later).not.toContain("prod ada@lab.test");
  }
  expect(await blocked()).toMatchObject([
    { user: "Ada@lab.test", why: "Her laptop was stolen." },
    { user: "bob@lab.test" },
  ]);
});

test("whoever no site lets in is not listed; a guest is, by what they sign in with", async () => {
  await run("--baseline");
  await entra.control.setEnabled("eve", false);
  expect((await run()).all).toContain("1 skipped (of no site's domains)");
  expect(await users()).toEqual([]);

  await entra.control.setEnabled("eve", true);
  await run();
  await writeFile(path("Pulumi.prod.yaml"), text("", "lab.test, elsewhere.test"));
  await entra.control.setEnabled("eve", false);
  await run();
  expect(await users()).toEqual(["eve@elsewhere.test"]);
});

test("somebody who was given another name is blocked by both: sessions have the former one", async () => {
  await run("--baseline");
  await entra.control.renameUser("ada", "ada.king@lab.test");
  await entra.control.setEnabled("ada", false);
  expect((await run("--limit", "1")).all).toContain("ada.king@lab.test, formerly ada@lab.test");
  expect(await users()).toEqual(["ada@lab.test", "ada.king@lab.test"]);
});

test("a name that the file cannot hold is no reason to block nobody, and the exit code says that one is missing", async () => {
  await run("--baseline");
  await entra.control.renameUser("ada", "ada+x@lab.test");
  await run();
  for (const user of ["ada", "bob"]) await entra.control.setEnabled(user, false);
  expect(await run()).toMatchObject({
    exitCode: 1,
    all: expect.stringMatching(/ada\+x@lab\.test +disabled +cannot be blocked/) as string,
  });
  expect(await users()).toEqual(["bob@lab.test"]);
});

describe("sessions that were revoked", () => {
  test("are reported, and nobody is blocked", async () => {
    await run("--baseline");
    await entra.control.revokeSessions("ada");
    const { exitCode, all } = await run();
    expect(exitCode).toBe(0);
    expect(all).toMatch(/ada@lab\.test +sessions revoked +not blocked here/);
    expect(all).toContain("Revoked sessions end at their next renewal (cookieRefresh).");
    expect(await users()).toEqual([]);
  });

  test("of a Graph that cannot track them nothing is told, and it says so", async () => {
    await entra.control.behave({ usersDelta: { pageSize: 2, tokens: "known", tracksSessions: false } });
    await run("--baseline");
    await entra.control.setEnabled("bob", false);
    const { all } = await run();
    expect(all).toContain("Graph does not tell here whose sessions were revoked.");
    expect(await users()).toEqual(["bob@lab.test"]);
  });
});

test("without the permission, and without Entra, nothing is tried and the state stays", async () => {
  await run("--baseline");
  const before = await state();
  await entra.control.setEnabled("bob", false);
  await entra.control.setPermissions(leastPermissions);
  expect(await run()).toMatchObject({
    exitCode: 2,
    all: expect.stringContaining("403") as string,
  });
  await entra.control.setPermissions(["User.Read.All"]);
  await entra.control.behave({ outage: { login: "none", graph: "refuse" } });
  expect(await run()).toMatchObject({
    exitCode: 2,
    all: expect.stringContaining("graph.microsoft.com could not be reached") as string,
  });
  expect([await users(), await state()]).toEqual([[], before]);
});

test("a link in the state that leads elsewhere gets no token", async () => {
  await run("--baseline");
  const changed = (await state()).replace(
    "https://graph.microsoft.com/",
    "https://graph.microsoft.com.example/",
  );
  await writeFile(path("state.json"), changed);
  expect(await run()).toMatchObject({
    exitCode: 2,
    all: expect.stringContaining("expected a link to https://graph.microsoft.com/v1.0/") as string,
  });
});

test.each([
  ["Ada@Example.com", "ada@example.com"],
  ["eve_elsewhere.test#EXT#@labtest.onmicrosoft.com", "eve@elsewhere.test"],
  ["a_b_elsewhere.test#EXT#@labtest.onmicrosoft.com", "a_b@elsewhere.test"],
])("%s signs in as %s", (upn, name) => {
  expect(signInName(upn)).toBe(name);
});

test("who was disabled before, or is new and disabled, is no change", () => {
  const person = (enabled: boolean): Person => ({ upn: "ada@example.com", enabled });
  const between = (before?: boolean, after?: boolean) =>
    changesBetween(
      new Map(before === undefined ? [] : [["1", person(before)]]),
      new Map(after === undefined ? [] : [["1", person(after)]]),
    ).map(({ what }) => what);
  expect([between(false, undefined), between(false, false), between(undefined, false)]).toEqual([[], [], []]);
  expect([between(true, undefined), between(true, false), between(false, true)]).toEqual([
    ["deleted"],
    ["disabled"],
    ["enabled again"],
  ]);
});
