/** Nginx's language as components/nginx/ reads it, before the real Nginx. */
import { readFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { join } from "node:path";

import { execa } from "execa";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";

import { included } from "../../components/nginx/included.ts";
import { type ReadDirective, readNginx } from "../../components/nginx/read.ts";
import { goldenSites } from "../golden-sites.ts";
import { certificates, type NginxRoot, nginxRoot, startNginxIn } from "../access/nginx.ts";

/** Sites by their domains. */
const golden = new Map(goldenSites().map(({ domain, files }) => [domain, files.get("nginx.conf") ?? ""]));

let root: NginxRoot;
beforeAll(async () => {
  root = await nginxRoot(golden);
  const [chain, key] = await Promise.all(
    ["fullchain.pem", "privkey.pem"].map((it) => readFile(join(root.root, certificates, it), "utf8")),
  );
  for (const { name, args } of [...golden.values()].flatMap((it) => everything(readNginx(it)))) {
    const path = args.at(-1) ?? "";
    if (/_certificate$/.test(name)) await root.put(path, chain ?? "");
    else if (name === "ssl_certificate_key") await root.put(path, key ?? "");
    else if (path.startsWith("/etc/protected-sites/addresses/"))
      await root.put(path, "server 127.0.0.1:1 max_fails=0;\n");
  }
});
afterAll(() => root.close());

const nginx = (...args: string[]) => execa("chroot", [root.root, "nginx", ...args], { reject: false });

test("a host's files are those that Nginx itself reads, with the same lines", async () => {
  const { stdout, stderr, exitCode } = await nginx("-T");
  expect(exitCode, stderr).toBe(0);
  const dump = new Map(
    stdout
      .split(/^# configuration file (?=.*:$)/m)
      .slice(1)
      .map((it) => [it.slice(0, it.indexOf(":\n")), it.slice(it.indexOf("\n") + 1)]),
  );
  const main = "/etc/nginx/nginx.conf";
  const seen = new Set([main]);
  /** The text of a file, and for a pattern an include of each file. */
  const textOf = (path: string) => {
    const found = [...dump.keys()].filter((it) => new RegExp(`^${path.replaceAll("*", "[^/]*")}$`).test(it));
    if (path.includes("*")) return found.map((it) => `include ${it};`).join("\n");
    seen.add(path);
    return dump.get(path);
  };
  const all = everything(included(readNginx(dump.get(main) ?? ""), textOf));
  expect([...seen].sort()).toEqual([...dump.keys()].sort());
  expect(all.filter(({ name }) => name === "server_name").length).toBe(2 * golden.size);
  for (const { name, line, file = main } of all) {
    const text = dump.get(file)?.split("\n")[line - 1]?.trimStart() ?? "";
    // Patterns of maps are written with quotes and escapes.
    if (/^\w+$/.test(name))
      expect(text.replace(/^["']/, ""), `${file}:${line}`).toMatch(new RegExp(`^${name}\\b`));
  }
});

/** Everything that means something to the language, and some that does not. */
const soup = (most: number) =>
  fc.string({
    unit: fc.constantFrom(..."aab{};#\"'\\$ \n\t()tn\u00a0é".split(""), "${", '\\"', "\\\\"),
    minLength: 1,
    maxLength: most,
  });

test("whatever Nginx's parser refuses is refused, and nothing else", async () => {
  const count = { accepted: 0, refused: 0 };
  for (const words of fc.sample(soup(14), { numRuns: 250, seed: 19 })) {
    const text = `events {}\nhttp { types { ${words}; } }`;
    await root.put("/judge.conf", text);
    const { exitCode, stderr } = await nginx("-t", "-c", "/judge.conf");
    expect(isAccepted(text), `${JSON.stringify(words)}: ${stderr}`).toBe(exitCode === 0);
    count[exitCode === 0 ? "accepted" : "refused"] += 1;
  }
  expect(Math.min(count.accepted, count.refused)).toBeGreaterThan(50);
});

/** Whether it is `types` with any words in it, and no more. */
function isAccepted(text: string): boolean {
  try {
    const [, http, ...others] = readNginx(text);
    const [types, ...beside] = http?.body ?? [];
    const isPlain = types?.body?.every(({ body }) => body === undefined) === true;
    return isPlain && others.length === 0 && beside.length === 0;
  } catch {
    return false;
  }
}

test("Nginx reads a word as it is read here", async () => {
  const written = fc.sample(soup(10), { numRuns: 2500, seed: 19 }).filter((it) => wordOf(it) !== undefined);
  expect(written.length).toBeGreaterThan(300);
  // Nginx gives the values of `geo` back as they are.
  const entries = written.map((it, index) => `${addressOf(index)} ${it};`);
  await root.put(
    "/etc/nginx/conf.d/judge.conf",
    `geo $arg_of $said { default none; ${entries.join("\n")} }
     server { listen 8080; location / { default_type text/plain; return 200 $said; } }`,
  );
  const { stop } = await startNginxIn(root.root);
  for (const [index, it] of written.entries()) {
    const url = `http://127.0.0.1:8080/?of=${addressOf(index)}`;
    const [response] = (await once(get(url, { agent: false }), "response")) as [IncomingMessage];
    let said = "";
    for await (const chunk of response.setEncoding("utf8")) said += chunk as string;
    expect(said, JSON.stringify(it)).toBe(wordOf(it));
  }
  await stop();
});

const addressOf = (index: number) => `10.0.${Math.floor(index / 250)}.${index % 250}`;

/** What is one word, and no more. */
function wordOf(written: string): string | undefined {
  try {
    const [directive, ...others] = readNginx(`a ${written};`);
    const isOne = others.length === 0 && directive?.args.length === 1 && directive.body === undefined;
    return isOne ? directive.args[0] : undefined;
  } catch {
    return undefined;
  }
}

function everything(directives: readonly ReadDirective[]): ReadDirective[] {
  return directives.flatMap((it) => [it, ...everything(it.body ?? [])]);
}
