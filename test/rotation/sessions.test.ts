/** A hundred signed-in people browse on two hosts while the client secret is rotated ten times. */
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, expect, test } from "vitest";

import {
  entra,
  secretsInEntra,
  secretsOnHosts,
  setGenerations,
  tokensOnHosts,
} from "../e2e/client-secrets.ts";
import { browse, type Person, signedIn } from "../e2e/crowd.ts";
import { lab } from "../e2e/instance.ts";
import { openStack } from "../lab/stack.ts";

const rotations = 10;
let stack: Stack;
let crowd: readonly Person[];

beforeAll(async () => {
  stack = await openStack(lab.name);
  await stack.setConfig("protected-sites:sites.wiki.cookieRefresh", { value: "10s" }, true);
  await setGenerations(stack, 200);
  await stack.up();
  crowd = await signedIn(100);
}, 900_000);

afterAll(async () => {
  await entra.reset();
  stack = await openStack(lab.name);
  await stack.up();
});

test("100 sessions, renewed every 10 s, survive 10 rotations without a sign-out or a failed request", async () => {
  // A new secret takes Entra two seconds to know, and then half of its replicas know it.
  await entra.behave({ newSecrets: { delaySeconds: 2, meanwhile: "alternate" } });
  await entra.clearRequests();
  const seen = new Set<string>();
  const browsing = browse(crowd, 4000);
  for (let count = 1; count <= rotations; count++) {
    await setGenerations(stack, 200 + count);
    await stack.up();
    const [onHost = "", ...others] = await secretsOnHosts();
    expect(others).toEqual(others.map(() => onHost));
    seen.add(onHost);
  }
  const walk = await browsing.stop();
  const renewals = (await entra.requests()).filter(
    ({ path, client }) => /\/token$/.test(path) && client !== "",
  );
  console.log(
    `${walk.requests} requests, ${renewals.length} calls of the token endpoint, ${walk.signOuts} sign-outs`,
  );
  expect(walk).toMatchObject({ signOuts: 0, failures: [] });
  expect(seen.size).toBe(rotations);
  expect(await secretsInEntra()).toEqual([`protected-sites ${200 + rotations}`]);
  expect(await tokensOnHosts()).toEqual(lab.hosts.map(() => "200"));
}, 1_800_000);
