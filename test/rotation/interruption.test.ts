/**
 * A rotation of a client secret that ends at any point: the engine is killed between any two steps and within them, or
 * something around it fails. Each time every host must keep a secret that works, the next update must finish the
 * rotation, and whatever is left in Entra must be named.
 */
import type { Stack, UpOptions } from "@pulumi/pulumi/automation/index.js";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { findings, registeredSites } from "../../infra/entra-secrets.ts";
import { type GraphCall, signInToGraph } from "../../infra/graph.ts";
import {
  deployerEnvironment,
  entra,
  secretsInEntra,
  secretsOnHosts,
  setGenerations,
  tokensOnHosts,
} from "../e2e/client-secrets.ts";
import { lab } from "../e2e/instance.ts";
import { shellOn, sshOff, sshOn } from "../e2e/on-hosts.ts";
import { killedUp } from "../e2e/killed-update.ts";
import { openStack } from "../lab/stack.ts";

let stack: Stack;
let graph: GraphCall;
let generation = 100;

beforeAll(async () => {
  stack = await openStack(lab.name);
  await setGenerations(stack, generation);
  await stack.up();
  graph = await signInToGraph(deployerEnvironment());
});

afterEach(async () => {
  await entra.behave({
    newSecrets: { delaySeconds: 0, meanwhile: "refuse" },
    throttle: { calls: 0, retryAfterSeconds: 1 },
    lostAnswers: 0,
  });
});

afterAll(async () => {
  await entra.reset();
  stack = await openStack(lab.name);
  await stack.up();
});

/** The findings of `npm run expiry -- --entra` that name client secrets of wiki that the stack does not know. */
async function orphansNamed(): Promise<string[]> {
  const found = findings(await registeredSites(await stack.exportStack(), graph));
  return found.filter(({ site }) => site === "wiki").map(({ what }) => what);
}

async function everyHostHasOneThatWorks(): Promise<void> {
  expect(await tokensOnHosts()).toEqual(lab.hosts.map(() => "200"));
}

/**
 * The next update finishes; Entra has the new secret, and beside it only what is named. Takes the latter away.
 * @param refresh whether an engine was killed: what it was deleting may be gone already
 */
async function nextUpdateFinishes(before: readonly string[], { refresh = false } = {}): Promise<number> {
  await stack.up({ refresh });
  await everyHostHasOneThatWorks();
  const onHosts = new Set(await secretsOnHosts());
  expect(onHosts.size).toBe(1);
  expect(before).not.toContain([...onHosts][0]);
  const orphans = await orphansNamed();
  expect(await secretsInEntra()).toHaveLength(1 + orphans.length);
  for (const { objectId, secrets } of await registeredSites(await stack.exportStack(), graph))
    for (const { keyId, known } of secrets)
      if (!known) await graph("POST", `/applications/${objectId}/removePassword`, { keyId });
  return orphans.length;
}

/** Updates while one host cannot be reached. */
async function upWithout(host: string, options: UpOptions = {}): Promise<void> {
  await shellOn(host, sshOff);
  try {
    await expect(stack.up(options)).rejects.toThrow();
  } finally {
    await shellOn(host, sshOn);
  }
}

const [, second = ""] = lab.hosts.map(({ name }) => name);
const named = (...generations: readonly number[]) => generations.map((it) => `protected-sites ${it}`);

test("with --continue-on-error, twice, the old secret stays for as long as a host that cannot be reached uses it", async () => {
  const before = await secretsOnHosts();
  await setGenerations(stack, ++generation);
  for (let count = 0; count < 2; count++) {
    await upWithout(second, { continueOnError: true });
    await everyHostHasOneThatWorks();
    expect(await secretsInEntra()).toEqual(named(generation - 1, generation));
  }
  expect(await nextUpdateFinishes(before)).toBe(0);
});

test("with --target on the new secret alone, the old one stays, and every host uses it", async () => {
  const before = await secretsOnHosts();
  await setGenerations(stack, ++generation);
  await stack.up({ target: [`**::wiki-client-secret-${generation}`] });
  await everyHostHasOneThatWorks();
  expect(await secretsOnHosts()).toEqual(before);
  expect(await nextUpdateFinishes(before)).toBe(0);
});

test("with --target on the old secret alone, it is not taken away from hosts that use it", async () => {
  const before = await secretsOnHosts();
  await setGenerations(stack, ++generation);
  await stack.up({ target: [`**::wiki-client-secret-${generation - 1}`] });
  await everyHostHasOneThatWorks();
  expect(await secretsInEntra()).toEqual(named(generation - 1));
  expect(await nextUpdateFinishes(before)).toBe(0);
});

test("a rotation succeeds although Entra throttles every call for a while", async () => {
  const before = await secretsOnHosts();
  await setGenerations(stack, ++generation);
  await entra.behave({ throttle: { calls: 12, retryAfterSeconds: 1 } });
  expect(await nextUpdateFinishes(before)).toBe(0);
});

test("if the response with the new secret is lost, the next update creates another, and the lost one is reported", async () => {
  const before = await secretsOnHosts();
  await setGenerations(stack, ++generation);
  await entra.behave({ lostAnswers: 1 });
  await expect(stack.up()).rejects.toThrow();
  await everyHostHasOneThatWorks();
  expect(await nextUpdateFinishes(before)).toBe(1);
});

test("after a rotation that follows a failed one, each host has a working secret", async () => {
  const before = await secretsOnHosts();
  await setGenerations(stack, generation, generation + 1);
  await upWithout(second);
  await setGenerations(stack, generation + 1, generation + 2);
  await upWithout(second);
  await everyHostHasOneThatWorks();
  expect(await secretsInEntra()).toEqual(named(generation, generation + 1, generation + 2));
  generation += 2;
  await setGenerations(stack, generation);
  expect(await nextUpdateFinishes(before)).toBe(0);
});

test("if Entra accepts the new secret only after the host has timed out, no host uses it, and the next update finishes", async () => {
  const before = await secretsOnHosts();
  await setGenerations(stack, ++generation);
  await entra.behave({ newSecrets: { delaySeconds: 150, meanwhile: "refuse" } });
  await expect(stack.up()).rejects.toThrow("sign-in to Entra");
  expect(await secretsOnHosts()).toEqual(before);
  await everyHostHasOneThatWorks();
  expect(await nextUpdateFinishes(before)).toBe(0);
});

const delays = [0, 300];
const events = [1, 2, 3, 4, 5, 6, 7, 8];
test.each(events.flatMap((event) => delays.map((milliseconds) => ({ event, milliseconds }))))(
  "the engine is killed $milliseconds ms after event $event",
  async (moment) => {
    const before = await secretsOnHosts();
    await setGenerations(stack, ++generation);
    const step = await killedUp(stack, moment);
    await everyHostHasOneThatWorks();
    const changed = (await secretsOnHosts()).filter((it, index) => it !== before[index]).length;
    const orphans = await nextUpdateFinishes(before, { refresh: true });
    console.log(
      `killed ${moment.milliseconds} ms after event ${moment.event} (${step ?? "it had ended"}): new secret on ${changed} hosts, ${orphans} named in Entra`,
    );
  },
);
