/** The policy pack as the engine runs it. */
import { join } from "node:path";

import * as azuread from "@pulumi/azuread";
import * as command from "@pulumi/command";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { beforeAll, expect, test } from "vitest";

import { bundle } from "../../components/host/bundle.ts";
import { activeClientSecret } from "../../components/site/client-secrets.ts";
import { firstEndDates } from "../../infra/rotation.ts";
import { environmentOf, readStackFile } from "../../infra/stack-file.ts";
import { openStack } from "../lab/stack.ts";
import { lab } from "./instance.ts";

const policyPacks = [join(import.meta.dirname, "../../policy")];

let stack: Stack;

beforeAll(async () => {
  stack = await openStack(lab.name);
});

test("has nothing to say of the lab's sites, nor of a new one with the secret of a copied example after rotate --first", async () => {
  const example = readStackFile("example");
  firstEndDates(example, new Date(), 180);
  const [secret] = environmentOf(example).sites.map(activeClientSecret);
  const site = {
    domain: "docs.lab.test",
    port: "4182",
    upstream: "http://192.0.2.3:8003",
    "emailDomains[0]": "lab.test",
    "clientSecrets[0].generation": String(secret?.generation),
    "clientSecrets[0].endDate": String(secret?.endDate),
  };
  try {
    for (const [key, value] of Object.entries(site))
      await stack.setConfig(`protected-sites:sites.docs.${key}`, { value }, true);
    const { stdout, stderr } = await stack.preview({ color: "never", policyPacks });
    expect(stdout + stderr).toContain("protected-sites@v");
    expect(stdout + stderr).not.toMatch(/can't run policy/);
    // The lab's registrations belong to the deployment alone.
    const advised = (stdout + stderr).split("\n").filter((line) => line.includes("[advisory]"));
    expect(advised.filter((line) => !line.includes("two-owners"))).toEqual([]);
    expect(advised).not.toEqual([]);
  } finally {
    stack = await openStack(lab.name);
  }
});

test("stops a program that violates its rules, and names the resource and what is expected", async () => {
  const program = () => {
    const web = { redirectUris: ["http://wiki.lab.test/oauth2/callback"] };
    const application = new azuread.Application("one", { displayName: "one", web });
    new azuread.Application("other", { displayName: "other", web });
    new azuread.ApplicationPassword("password", { applicationId: application.id });
    const text = 'email_domains = ["*"]\nskip_auth_routes = ["/"]\n';
    new command.local.Command("push", {
      environment: { HOST_ADDRESS: "192.0.2.11" },
      create: "sudo -n protected-sites push",
      stdin: bundle([{ name: "oauth2-proxy.cfg", text }]),
    });
    return Promise.resolve();
  };
  const error: unknown = await stack
    .preview({ color: "never", policyPacks, program })
    .catch((it: unknown) => it);
  for (const words of [
    "environment.HOST_KEY must be the public key of 192.0.2.11, got none",
    'a redirect URI must be https and contain no "*", got "http://wiki.lab.test/oauth2/callback"',
    "wiki.lab.test must have one registration, got one and other",
    "endDate must be set",
    'oauth2-proxy.cfg: skip_auth_routes must not be set, got ["/"]',
    'oauth2-proxy.cfg: email_domains = ["*"] requires allowed_groups, got none',
  ])
    expect(String(error)).toContain(words);
});
