/**
 * A rotation of a client secret that ends at any point: the engine is killed between any two steps and within them, or
 * something around it fails. Each time every host must keep a secret that works, the next update must finish the
 * rotation, and whatever is left in Entra must be named.
 */
import type { Stack } from "@pulumi/pulumi/automation/index.js";
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
async function named(): Promise<string[]> {
  const found = findings(await registeredSites(await stack.exportStack(), graph));
  return found.filter(({ site }) => site === "wiki").map(({ what }) => what);
}

async function everyHostHasOneThatWorks(): Promise<void> {
  expect(await tokensOnHosts()).toEqual(lab.hosts.map(() => "200"));
}

/** The next update finishes; Entra has the new secret, and beside it only what is named. Takes the latter away. */
async function nextUpdateFinishes(before: readonly string[]): Promise<number> {
  await stack.up();
  await everyHostHasOneThatWorks();
  const onHosts = new Set(await secretsOnHosts());
  expect(onHosts.size).toBe(1);
  expect(before).not.toContain([...onHosts][0]);
  const orphans = await named();
  expect(await secretsInEntra()).toHaveLength(1 + orphans.length);
  for (const { objectId, secrets } of await registeredSites(await stack.exportStack(), graph))
    for (const { keyId, known } of secrets)
      if (!known) await graph("POST", `/applications/${objectId}/removePassword`, { keyId });
  return orphans.length;
}

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
    const orphans = await nextUpdateFinishes(before);
    console.log(
      `killed ${moment.milliseconds} ms after event ${moment.event} (${step ?? "it had ended"}): new secret on ${changed} hosts, ${orphans} named in Entra`,
    );
  },
);
