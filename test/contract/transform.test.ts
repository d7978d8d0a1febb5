/** A transform's properties: the SDK drops their marks of secrets, and infra/fleet.ts puts the one that matters back. */
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";

import { openStack } from "./stack.ts";

test("a marked property stays secret", async ({ onTestFinished }) => {
  const stack = await openStack(onTestFinished);
  const connection = { host: "10.0.0.1", privateKey: pulumi.secret("the-key") };
  const { text } = await stack.preview(() => {
    const { specialSigKey, specialSecretSig } = pulumi.runtime;
    const transform: pulumi.ResourceTransform = ({ props, opts }) => {
      const { connection: value } = props as { connection?: unknown };
      return { props: { ...props, connection: { [specialSigKey]: specialSecretSig, value } }, opts };
    };
    new command.remote.Command("push", { connection, create: "true" }, { transforms: [transform] });
    return Promise.resolve();
  });
  expect(text).toContain("push");
  expect(text).toContain("[secret]");
  expect(text).not.toContain("the-key");
});
