/** A program that fails in the middle: what it has not registered by then does not count as removed. */
import type * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { expect, test, type TestContext } from "vitest";

import { openStack } from "./stack.ts";

const resource = (name: string, opts: pulumi.CustomResourceOptions = {}) =>
  new random.RandomPassword(name, { length: 32 }, opts);
const fail = () => {
  throw new Error("in the middle");
};

/** The resources that are there after a program that fails, of two that were there before: `one` and `other`. */
async function left(program: () => Promise<void>, { onTestFinished }: TestContext): Promise<string[]> {
  const stack = await openStack(onTestFinished);
  await stack.up(() => {
    resource("one");
    resource("other");
    return Promise.resolve();
  });
  expect(await stack.upFails(program)).toContain("in the middle");
  const state = (await stack.exported()).deployment as {
    readonly resources: readonly { readonly urn: string }[];
  };
  return state.resources.flatMap(({ urn }) => /RandomPassword::(.*)$/.exec(urn)?.[1] ?? []).sort();
}

test.for<[how: string, program: () => Promise<void>]>([
  [
    "an error between two resources",
    () => {
      resource("one");
      fail();
      resource("other");
      return Promise.resolve();
    },
  ],
  [
    "a promise that is refused",
    async () => {
      resource("one");
      await Promise.resolve().then(fail);
      resource("other");
    },
  ],
])("%s deletes nothing", async ([, program], context) => {
  expect(await left(program, context)).toEqual(["one", "other"]);
});

// The reason why the transform in infra/fleet.ts must not throw.
test("an error in a transform does not fail an inline program: its resource counts as removed", async (context) => {
  const program = () => {
    resource("one", { transforms: [fail] });
    resource("other");
    return Promise.resolve();
  };
  expect(await left(program, context)).toEqual(["other"]);
});
