/** Nginx's language as components/nginx/ reads it, before crossplane, the parser that Nginx's makers once wrote. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import fc from "fast-check";
import { expect, test } from "vitest";

import { block, comment, type Directive, expr, type Item, printNginx } from "../../components/nginx/print.ts";
import { type ReadDirective, readNginx } from "../../components/nginx/read.ts";
import { nginxSite } from "../../components/render/nginx/site.ts";
import { sharedNginx } from "../../components/render/nginx/shared-nginx.ts";
import { siteFrom } from "../../components/site/site.ts";
import { goldens } from "../golden-sites.ts";
import { pythonPackage } from "./python-package.ts";
import { siteArgs } from "../unit/review/environments.ts";
import { byGroup } from "../unit/review/generated-sites.ts";

/** A directive as crossplane tells of it. */
interface Parsed {
  readonly directive: string;
  readonly args: readonly string[];
  readonly line: number;
  readonly block?: readonly Parsed[];
}

const program = `
import crossplane, json, sys
def told(path):
    payload = crossplane.parse(path, single=True, check_ctx=False, check_args=False, catch_errors=False)
    return payload["config"][0]["parsed"]
print(json.dumps([told(path) for path in sys.argv[1:]]))
`;

/** What crossplane reads in each of the texts. */
async function crossplane(texts: readonly string[]): Promise<readonly (readonly Parsed[])[]> {
  const directory = await pythonPackage("crossplane");
  const folder = mkdtempSync(join(tmpdir(), "protected-sites-crossplane-"));
  try {
    const files = texts.map((text, index) => {
      writeFileSync(join(folder, `${index}.conf`), text);
      return join(folder, `${index}.conf`);
    });
    const { stdout } = await execa("python3", ["-c", program, ...files], { env: { PYTHONPATH: directory } });
    return JSON.parse(stdout) as Parsed[][];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** It leaves the backslashes of escapes in words. */
const bare = (word: string) =>
  word.replaceAll(/\\(["'\\trn])/g, (_, char: string) => ({ t: "\t", r: "\r", n: "\n" })[char] ?? char);

function fromCrossplane(parsed: readonly Parsed[]): object[] {
  return parsed.map(({ directive, args, line, block }) => ({
    name: bare(directive),
    args: args.map(bare),
    line,
    ...(block === undefined ? {} : { body: fromCrossplane(block) }),
  }));
}

/** It leaves the parentheses of an `if` out. */
function likeCrossplane(read: readonly ReadDirective[]): object[] {
  return read.map(({ name, args, line, body }) => {
    const words = name === "if" ? args.join(" ").slice(1, -1).split(" ") : args;
    return { name, args: words, line, ...(body === undefined ? {} : { body: likeCrossplane(body) }) };
  });
}

async function expectAlike(texts: readonly string[]): Promise<void> {
  const parsed = await crossplane(texts);
  for (const [index, text] of texts.entries())
    expect(likeCrossplane(readNginx(text)), text).toEqual(fromCrossplane(parsed[index] ?? []));
}

test("every golden file is read as crossplane reads it, with the same lines", async () => {
  const files = readdirSync(goldens, { recursive: true, encoding: "utf8" }).filter((it) =>
    it.endsWith(".conf"),
  );
  expect(files.length).toBeGreaterThan(10);
  await expectAlike(await Promise.all(files.map((it) => readFile(join(goldens, it), "utf8"))));
});

test("so are the files of generated sites", async () => {
  const sites = fc.sample(byGroup, { numRuns: 40, seed: 19 });
  const given = (it: object) => siteFrom("wiki", siteArgs("wiki", 4181, it));
  await expectAlike([...sites.map((it) => nginxSite(given(it))), sharedNginx(["10.0.0.11", "edge.test"])]);
});

test("so is what is printed of any words", async () => {
  const word = fc.string({ unit: fc.constantFrom(..."ab;#\"'\\$ ()~^|é".split("")), maxLength: 6 });
  const name = fc.constantFrom("server", "location", "set", "add_header");
  const directive = fc.tuple(name, fc.array(word, { maxLength: 3 }));
  const items: fc.Arbitrary<readonly Item[]> = fc.letrec<{ items: readonly Item[] }>((tie) => ({
    items: fc.array(
      fc.oneof(
        { maxDepth: 3 },
        directive.map(([it, words]): Directive => [it, ...words.map(expr)]),
        word.map(comment),
        fc
          .tuple(directive, tie("items"))
          .map(([[it, words], inner]) => block([it, ...words.map(expr)], inner)),
      ),
      { maxLength: 4 },
    ),
  })).items;
  await expectAlike(fc.sample(items, { numRuns: 300, seed: 19 }).map((it) => printNginx(it)));
});
