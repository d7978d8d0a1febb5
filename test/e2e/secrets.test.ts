/** Every secret that the lab has made is searched for in everything that a run leaves behind, and is only where it belongs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { openStack } from "../lab/stack.ts";
import { lab } from "./instance.ts";
import { shellOn } from "./on-hosts.ts";

let stack: Stack;
let output: string;
let secrets: readonly Secret[];
let commandLines: readonly string[];

interface Secret {
  readonly what: string;
  readonly text: string;
}

/** A rotation of both of a site's secrets, watched: what the engine prints, and all command lines on the hosts. */
beforeAll(async () => {
  stack = await openStack(lab.name);
  const site = "protected-sites:sites.wiki";
  await stack.setConfig(`${site}.clientSecrets[0].generation`, { value: "7" }, true);
  await stack.setConfig(`${site}.cookieSecretGeneration`, { value: "7" }, true);
  await stack.setConfig("protected-sites:deployerKeyGenerations[0]", { value: "1" }, true);
  await stack.setConfig("protected-sites:deployerKeyGenerations[1]", { value: "7" }, true);
  const before = await ofHosts();
  const watching = lab.hosts.map(({ name }) => watchCommandLines(name));
  const previewed = await stack.preview({ diff: true, color: "never" });
  const updated = await stack.up({ diff: true, color: "never" });
  await Promise.all(lab.hosts.map(({ name }) => shellOn(name, "touch /run/watched")));
  output = [previewed, updated].map(({ stdout, stderr }) => stdout + stderr).join("\n");
  commandLines = await Promise.all(watching);
  secrets = [...before, ...(await ofHosts()), ...ofTheLab(), ...(await ofTheState())];
});

afterAll(async () => {
  stack = await openStack(lab.name);
  await stack.up();
});

/** The secrets that each site's instance reads. */
async function ofHosts(): Promise<Secret[]> {
  const files =
    'cd /etc/protected-sites/credentials; for f in */current/*-secret; do printf \'%s %s\\n\' "$f" "$(cat $f)"; done';
  const texts = await Promise.all(lab.hosts.map(({ name }) => shellOn(name, files)));
  return texts.flatMap((text) =>
    text.split("\n").map((line) => ({ what: line.split(" ")[0] ?? "", text: line.split(" ")[1] ?? "" })),
  );
}

/** What the administrator and the engine sign in with. */
function ofTheLab(): Secret[] {
  const { clientSecret } = JSON.parse(readFileSync(join(lab.state, "deployer.json"), "utf8")) as {
    clientSecret: string;
  };
  return [
    { what: "the engine's client secret", text: clientSecret },
    ...linesOf("the administrator's key", readFileSync(lab.adminKey, "utf8")),
  ];
}

async function ofTheState(): Promise<Secret[]> {
  const { deployment } = (await stack.exportStack()) as {
    deployment: { resources: { type: string; outputs?: Record<string, { plaintext?: string }> }[] };
  };
  const plain = (text = '""') => JSON.parse(text) as string;
  const of = (wanted: string) => deployment.resources.filter(({ type }) => type === wanted);
  return [
    ...of("tls:index/privateKey:PrivateKey").flatMap(({ outputs }) =>
      ["privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"].flatMap((format) =>
        linesOf(`a deployer's key, ${format}`, plain(outputs?.[format]?.plaintext)),
      ),
    ),
    // Also those that no host uses any more, or not yet.
    ...of("azuread:index/applicationPassword:ApplicationPassword").map(({ outputs }) => ({
      what: "a client secret",
      text: plain(outputs?.["value"]?.plaintext),
    })),
    ...of("random:index/randomPassword:RandomPassword").map(({ outputs }) => ({
      what: "a cookie secret",
      text: plain(outputs?.["result"]?.plaintext),
    })),
  ];
}

/** Any line of a key that tells something. The first says only what kind of key it is. */
function linesOf(what: string, key: string): Secret[] {
  const lines = key.split("\n").filter((line) => line.length > 30 && !line.startsWith("-----"));
  return lines.slice(1).map((text) => ({ what, text }));
}

/** All command lines that a host has had, until `/run/watched` is there. */
async function watchCommandLines(host: string): Promise<string> {
  const look = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'";
  return shellOn(
    host,
    `rm -f /run/watched; while [ ! -e /run/watched ]; do ${look}; done | sort -u; rm /run/watched`,
  );
}

function found(text: string): string[] {
  return secrets.filter((secret) => text.includes(secret.text)).map(({ what }) => what);
}

test("there are secrets to search for, and the search finds them", () => {
  expect(secrets.length).toBeGreaterThan(10);
  for (const { what, text } of secrets) expect(text.length, what).toBeGreaterThan(30);
  expect(found(`x${secrets[0]?.text ?? ""}y`)).not.toEqual([]);
});

test("none is in what the engine prints, before and after", () => {
  expect(output).toContain("a new one signs everybody of wiki.lab.test out, once");
  expect(found(output)).toEqual([]);
});

test("none is in a command line of a host during a push", () => {
  for (const lines of commandLines) {
    expect(lines).toContain("credentials");
    expect(found(lines)).toEqual([]);
  }
});

test("none is in plain text in the state, its history or the lab's logs", async () => {
  const folders = [join(lab.state, "stack", "backend"), join(lab.state, "logs")];
  const { stdout } = await execa("grep", ["-rlF", "-f", "-", ...folders], {
    input: patterns(),
    reject: false,
  });
  expect(stdout).toBe("");
});

test("on a host each is in exactly one file, and in no log, journal, temporary file or core dump", async () => {
  for (const { name } of lab.hosts) {
    const files = await shellOn(
      name,
      `cat > /run/patterns
      grep -rlF --devices=skip -f /run/patterns /etc /home /opt /root /srv /tmp /usr/local /var || true
      journalctl --no-pager --output=export | grep -acF -f /run/patterns || true
      cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -acF -f /run/patterns || true
      rm /run/patterns`,
      patterns(),
    );
    const places = files.split("\n");
    expect(places.slice(-2)).toEqual(["0", "0"]);
    const elsewhere = places
      .slice(0, -2)
      .filter((file) => !file.startsWith("/etc/protected-sites/credentials/"));
    expect(elsewhere).toEqual([]);
  }
});

test("no instance may write a core dump", async () => {
  for (const { name } of lab.hosts) {
    const limits = await shellOn(
      name,
      "for p in $(pgrep -x oauth2-proxy); do grep 'Max core file size' /proc/$p/limits; done | tr -s ' ' | sort -u",
    );
    expect(limits).toBe("Max core file size 0 0 bytes ");
  }
});

test("on a host only root and the instances' group may read them", async () => {
  for (const { name } of lab.hosts) {
    const modes = await shellOn(
      name,
      "find /etc/protected-sites/credentials -name '*-secret' -exec stat -Lc '%U %G %a' {} + | sort -u",
    );
    expect(modes).toBe("root oauth2-proxy 640");
  }
});

function patterns(): string {
  return secrets.map(({ text }) => text).join("\n");
}
