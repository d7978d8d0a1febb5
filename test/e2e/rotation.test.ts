/** Rotation of secrets by updates of the stack, while somebody is signed in and browses. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { openBrowser } from "../lab/browser.ts";
import { checkOut } from "../lab/checkout.ts";
import { ensureEngine } from "../lab/engine.ts";
import { openStack } from "../lab/stack.ts";
import { entra, secretsInEntra, secretsOnHosts, setGenerations, tokensOnHosts } from "./client-secrets.ts";
import { close } from "./close.ts";
import { shellOn, sshOff, sshOn } from "./on-hosts.ts";
import { browse as browseAll, Person, signedIn } from "./crowd.ts";
import { lab, people } from "./instance.ts";
import { killedUp } from "./killed-update.ts";
import { openAs } from "./people.ts";

let stack: Stack;
let browser: Browser;
let context: BrowserContext;

beforeAll(async () => {
  stack = await openStack(lab.name);
  // Each request renews the session at Entra, and so needs the client secret.
  await stack.setConfig("protected-sites:sites.wiki.cookieRefresh", { value: "1s" }, true);
  await stack.up();
  browser = await openBrowser({ ca: lab.ca });
  context = (await openAs(browser, people.ada, "https://wiki.lab.test/")).context();
});

afterAll(async () => {
  await close(browser);
  await entra.reset();
  stack = await openStack(lab.name);
  await stack.up();
});

/** Browses until told to stop, and says how many requests there were and what went wrong. */
function browse(): { stop: () => Promise<{ requests: number; failures: string[] }> } {
  let going = true;
  const failures: string[] = [];
  let requests = 0;
  const walk = async () => {
    while (going) {
      const answer = await context.request.get("https://wiki.lab.test/api/page", {
        headers: { accept: "application/json" },
        maxRedirects: 0,
      });
      requests += 1;
      if (answer.status() !== 200) failures.push(`${answer.status()} at request ${requests}`);
      await sleep(200);
    }
  };
  const walking = walk();
  return {
    stop: async () => {
      going = false;
      await walking;
      return { requests, failures };
    },
  };
}

test("after interaction_required at a renewal, a session lasts as long as its access token", async () => {
  await entra.behave({ tokenLifetimeSeconds: 6 });
  const page = await openAs(browser, people.ada, "https://wiki.lab.test/page");
  await entra.behave({ tokenLifetimeSeconds: null, interactionRequired: ["ada"] });
  await entra.clearRequests();
  const statuses: number[] = [];
  const ask = async () => {
    const headers = { accept: "application/json" };
    const answer = await page.request.get("https://wiki.lab.test/api/page", { headers, maxRedirects: 0 });
    statuses.push(answer.status());
    return answer.status();
  };
  await expect.poll(ask, { timeout: 60_000, interval: 500 }).toBe(401);
  expect(new Set(statuses)).toEqual(new Set([200, 401]));
  expect((await entra.requests()).map(({ error }) => error)).toContain(50076);

  // A form stays in its tab, and arrives after the sign-in in another. Entra knows ada, and asks for nothing more here.
  await page.evaluate(`{
    const form = Object.assign(document.createElement("form"), { method: "post", action: "/form" });
    document.body.append(form);
    form.submit();
  }`);
  const link = page.getByRole("link", { name: "Sign in" });
  const [tab] = await Promise.all([page.context().waitForEvent("page"), link.click()]);
  await tab.waitForURL("https://wiki.lab.test/");
  await page.reload();
  expect(await page.locator("code").textContent()).toBe("POST /form");
  expect(await page.locator("#user").textContent()).toBe("ada@lab.test");
  await entra.behave({ interactionRequired: [] });
});

/** What the last rotation on the first host changed, as its log says. */
async function lastRotation(): Promise<unknown> {
  const log = "/var/log/protected-sites/pushes.jsonl";
  const line = await shellOn(lab.hosts[0]?.name ?? "", `grep '"action": "credentials"' ${log} | tail -1`);
  return (JSON.parse(line) as { readonly changed?: unknown }).changed;
}

test("every host switches to a new client secret although Entra accepts it only after seconds, and nobody notices", async () => {
  const before = await secretsOnHosts();
  await entra.behave({ newSecrets: { delaySeconds: 4, meanwhile: "alternate" } });
  await setGenerations(stack, 1, 2);
  const crowd = await signedIn(10);
  const endSignIn = await new Person(0).beginSignIn();
  const browsing = browse();
  const others = browseAll(crowd, 2000);
  await stack.up();
  expect(await endSignIn(), "a sign-in that began before").toBe(200);
  expect(await others.stop()).toMatchObject({ signOuts: 0, failures: [] });
  const { requests, failures } = await browsing.stop();

  expect(failures).toEqual([]);
  expect(requests).toBeGreaterThan(10);
  expect(await secretsInEntra()).toEqual(["protected-sites 1", "protected-sites 2"]);
  const after = await secretsOnHosts();
  expect(new Set(after).size).toBe(1);
  expect(after[0]).not.toBe(before[0]);
  expect(await lastRotation()).toEqual(expect.arrayContaining(["client-secret"]));
});

test("after a rotation that failed on a host, each host has a working secret, and the next update finishes it", async () => {
  const [first, second = ""] = lab.hosts.map(({ name }) => name);
  const [before] = await secretsOnHosts();
  await entra.behave({ newSecrets: { delaySeconds: 0, meanwhile: "refuse" } });
  await setGenerations(stack, 2, 3);
  await shellOn(second, sshOff);
  const browsing = browse();
  try {
    await expect(stack.up()).rejects.toThrow();
  } finally {
    await shellOn(second, sshOn);
  }
  const [onFirst, onSecond] = await secretsOnHosts();
  expect(onFirst, first).not.toBe(before);
  expect(onSecond, second).toBe(before);
  expect(await secretsInEntra()).toEqual(expect.arrayContaining(["protected-sites 2", "protected-sites 3"]));

  await stack.up();
  expect((await browsing.stop()).failures).toEqual([]);
  expect(new Set(await secretsOnHosts()).size).toBe(1);
  expect(await secretsInEntra()).toEqual(["protected-sites 2", "protected-sites 3"]);
});

test("an old client secret is removed from Entra when it is removed from the list, and nobody notices", async () => {
  const before = await secretsOnHosts();
  await setGenerations(stack, 3);
  const browsing = browse();
  await stack.up();
  expect(await browsing.stop()).toMatchObject({ failures: [] });
  expect(await secretsInEntra()).toEqual(["protected-sites 3"]);
  expect(await secretsOnHosts()).toEqual(before);
});

test("after the engine is killed between two hosts, each has a working secret, and the next update finishes", async () => {
  await setGenerations(stack, 4);
  const browsing = browse();
  // The first host has changed.
  const killed = await killedUp(stack, { event: 4, milliseconds: 0 });
  expect(killed).toMatch(/^update wiki-edge-[12]-credentials/);
  expect(await tokensOnHosts()).toEqual(["200", "200"]);
  await stack.up({ refresh: true });
  expect((await browsing.stop()).failures).toEqual([]);
  expect(new Set(await secretsOnHosts()).size).toBe(1);
  expect(await secretsInEntra()).toEqual(["protected-sites 4"]);
});

test("a secret whose creation Entra did not confirm is reported by `npm run expiry`, and removed by `npm run revoke`", async ({
  onTestFinished,
}) => {
  await entra.behave({ lostAnswers: 1 });
  await setGenerations(stack, 5);
  await expect(stack.up()).rejects.toThrow();
  const directory = await mkdtemp(join(tmpdir(), "rotation-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const settings = await readFile(join(lab.state, "stack", "Pulumi.local.yaml"), "utf8");
  const stacks = { "Pulumi.local.yaml": settings };
  const { run } = await checkOut(directory, stacks, await ensureEngine(), stack.workspace.envVars);
  const expiry = await run("npm", "run", "--silent", "expiry", "--", "--stack", "local", "--entra");
  expect(expiry.all).toMatch(/site "wiki": Entra has client secret [-\w]+ \("protected-sites 5"\)/);
  expect(expiry.exitCode).toBe(1);

  const [, second = ""] = lab.hosts.map(({ name }) => name);
  await shellOn(second, sshOff);
  try {
    const command = ["run", "--silent", "revoke", "--", "--stack", "local", "--site", "wiki"];
    const revoke = await run("npm", ...command);
    expect(revoke.all).toContain(`Nothing has been removed from Entra yet: ${second} could not be given`);
    expect(revoke.exitCode).toBe(2);
    expect(await secretsInEntra()).toContain("protected-sites 5");

    const without = await run("npm", ...command, "--without", second);
    expect(without.all).toContain(`Through ${second} nobody can sign in`);
    expect(without.exitCode).toBe(1);
  } finally {
    await shellOn(second, sshOn);
  }
  // The host that could not be reached has the leaked one, which is worth nothing.
  expect(await tokensOnHosts()).toEqual(["200", "401"]);
  expect(await secretsInEntra()).toEqual(["protected-sites 7"]);
  const up = await run("pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", "local");
  expect(up.exitCode, up.all).toBe(0);
  expect(up.all, "an output that no site here has").not.toContain("Undefined value");
  expect(await tokensOnHosts()).toEqual(["200", "200"]);
  const after = await run("npm", "run", "--silent", "expiry", "--", "--stack", "local", "--entra");
  expect(after.exitCode, after.all).toBe(0);
}, 600_000);

test("a preview of a new cookie secret says who has to sign in again, and the update does just that", async () => {
  await context.close();
  context = (await openAs(browser, people.ada, "https://wiki.lab.test/")).context();
  const path = "protected-sites:sites.wiki.cookieSecretGeneration";
  await stack.setConfig(path, { value: "2" }, true);
  const { stdout } = await stack.preview({ diff: true, color: "never" });
  expect(stdout).toContain("a new one signs everybody of wiki.lab.test out, once");

  await stack.up();
  const status = async () =>
    (await context.request.get("https://wiki.lab.test/api/page", { maxRedirects: 0 })).status();
  expect(await status()).toBe(401);
  expect(await lastRotation()).toEqual(expect.arrayContaining(["cookie-secret"]));
});
