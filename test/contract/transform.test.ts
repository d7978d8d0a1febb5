/** A transform's properties: the SDK drops their marks of secrets, and infra/fleet.ts puts those that matter back. */
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";

import { withSecretMarks } from "../../infra/fleet.ts";
import { openStack } from "./stack.ts";

test("what was marked stays secret", async ({ onTestFinished }) => {
  const stack = await openStack(onTestFinished);
  const environment = pulumi.secret({ PRIVATE_KEY: "the-key" });
  const interpreter = pulumi.secret(["/bin/sh", "-c"]);
  const { text } = await stack.preview(() => {
    const transform: pulumi.ResourceTransform = ({ props, opts }) => ({
      props: withSecretMarks(props),
      opts,
    });
    new command.local.Command(
      "push",
      { interpreter, environment, create: "true" },
      { transforms: [transform] },
    );
    return Promise.resolve();
  });
  expect(text).toMatch(/environment *: \[secret\]\n *interpreter *: \[secret\]/);
  expect(text).not.toContain("the-key");
});
