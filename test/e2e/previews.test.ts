/** What a reviewer with credentials reads: `pulumi preview --diff` of typical changes, as whole texts. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Document, parseDocument, Scalar } from "yaml";

import { bundle } from "../../components/host/bundle.ts";
import { installProgram, programVersion } from "../../components/host/program.ts";
import { siteFiles } from "../../components/render/site-files.ts";
import { environmentOf, parseStackFile } from "../../infra/stack-file.ts";
import { openStack } from "../lab/stack.ts";
import { lab } from "./instance.ts";
import { previewText, type RunFacts } from "./preview-text.ts";

let stack: Stack;
let settings: string;
let usual: string;

beforeAll(async () => {
  stack = await openStack(lab.name);
  settings = join(stack.workspace.workDir, `Pulumi.${stack.name}.yaml`);
  usual = await readFile(settings, "utf8");
  // The Automation API has no such option; the engine takes every flag from its environment, too.
  stack.workspace.envVars["PULUMI_OPTION_SHOW_FULL_OUTPUT"] = "true";
});

afterAll(() => writeFile(settings, usual));

const group = "7e57ab1e-0000-4000-8000-000000000002";
const at = (...path: (string | number)[]) => ["config", "protected-sites:sites", ...path];
/** In quotes, as people have to write it. */
const day = Object.assign(new Scalar("2099-12-31"), { type: Scalar.QUOTE_DOUBLE });
const hosts = ["config", "protected-sites:hosts"];

test.each<[title: string, change: (file: Document) => void]>([
  ["nothing", () => undefined],
  [
    "a time-out",
    (file) => {
      file.setIn(at("code", "proxyReadTimeout"), "90s");
    },
  ],
  [
    "a new site",
    (file) => {
      file.setIn(at("docs"), {
        domain: "docs.lab.test",
        port: 4182,
        upstream: "http://192.0.2.3:8003",
        emailDomains: ["lab.test"],
        clientSecrets: [{ generation: 1, endDate: day }],
      });
    },
  ],
  [
    "a group more",
    (file) => {
      file.addIn(at("wiki", "allowedGroups"), group);
    },
  ],
  [
    "an open path",
    (file) => {
      file.setIn(at("wiki", "open"), [{ path: "/health", why: "the monitoring asks here" }]);
    },
  ],
  [
    "an e-mail domain more",
    (file) => {
      file.addIn(at("code", "emailDomains"), "partner.test");
    },
  ],
  [
    "a client secret more",
    (file) => {
      file.addIn(at("code", "clientSecrets"), { generation: 2, endDate: day });
    },
  ],
  [
    "a new cookie secret",
    (file) => {
      file.setIn(at("code", "cookieSecretGeneration"), 2);
    },
  ],
  [
    "a host more",
    (file) => {
      file.addIn(hosts, {
        name: "edge-3",
        address: "192.0.2.13",
        hostKey: lab.hosts[0]?.hostKey.split(" ").slice(0, 2).join(" "),
      });
    },
  ],
  [
    "a host less",
    (file) => {
      file.deleteIn([...hosts, 1]);
    },
  ],
  [
    "another oauth2-proxy",
    (file) => {
      file.setIn(["config", "protected-sites:oauth2Proxy", "version"], "99.0.0");
    },
  ],
  [
    "a site less",
    (file) => {
      file.deleteIn(at("wiki"));
    },
  ],
  [
    "sessions in a Redis",
    (file) => {
      file.setIn(at("code", "sessionStore"), "redis");
      file.setIn(at("code", "redis"), { host: "redis.lab.test" });
    },
  ],
])("%s", async (title, change) => {
  const file = parseDocument(usual);
  change(file);
  const text = file.toString({ lineWidth: 0 });
  await writeFile(settings, text);
  const { stdout } = await stack.preview({ color: "never", diff: true });
  const golden = `previews/${title.replaceAll(" ", "-")}.txt`;
  await expect(previewText(stdout, factsOf(text))).toMatchFileSnapshot(golden);
});

function factsOf(text: string): RunFacts {
  const environments = [usual, text].map((it) => environmentOf(parseStackFile(stack.name, it)));
  const sites = environments.flatMap((environment) =>
    environment.sites.map(
      (site) => [bundle(siteFiles(site, environment)), `all files of ${site.domain}`] as const,
    ),
  );
  return {
    names: { [lab.oauth2Proxy.version]: "the lab's version" },
    texts: [
      ...sites,
      [`: program ${programVersion()}; ${installProgram}`, "the push program's installation"],
    ],
  };
}
