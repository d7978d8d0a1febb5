/** How the push program comes onto a host: whole and in one step, or not at all. */
import { createHash } from "node:crypto";

import { afterAll, expect, test } from "vitest";

import { bundle } from "../../components/host/bundle.ts";
import {
  installProgram,
  packed,
  program,
  programFiles,
  programText,
  programVersions,
} from "../../components/host/program.ts";
import { HostShell } from "../lab/host-shell.ts";
import { thisLab } from "../lab/lab.ts";

const lab = await thisLab();
const host = lab.hosts.at(-1) ?? { name: "" };

const edge = new HostShell(lab.name, host.name);
const run = (script: string, input?: string) => edge.run(["/bin/sh", "-c", script], input);

const install = (text: string) => run(installProgram, packed(text));

/** All that an installation could have touched, with its content. */
const everything = async () =>
  (await run(`find ${program} ${programVersions} -printf '%p %l %m\\n' -type f -exec sha256sum {} + | sort`))
    .text;

const versionOf = (text: string) => createHash("sha256").update(text).digest("hex");
const text = programText();
const another = bundle(
  programFiles().map((file) =>
    file.name === "__init__.py" ? { ...file, text: `${file.text}# another version\n` } : file,
  ),
);

afterAll(async () => {
  await install(text);
});

test("the host reports the version on its disk", async () => {
  const said = async () =>
    (JSON.parse((await run(`${program} status --json`)).text) as { program: string }).program;
  expect(await said()).toBe(versionOf(text));
  await run(`echo "# somebody's" >>${programVersions}/${versionOf(text)}/protected_sites/probe.py`);
  expect(await said()).not.toBe(versionOf(text));
});

test("an installation repairs changed files, and a second one changes nothing", async () => {
  expect(await install(text)).toEqual({ ok: true, text: "" });
  expect((await run(`${program} status --json`)).text).toContain(versionOf(text));
  const before = await everything();
  expect(await install(text)).toEqual({ ok: true, text: "" });
  expect(await everything()).toBe(before);
});

test("another version replaces the old one, and the old one's folder is removed", async () => {
  expect(await install(another)).toEqual({ ok: true, text: "" });
  expect((await run(`${program} status --json`)).text).toContain(versionOf(another));
  expect((await run(`ls ${programVersions}`)).text).toBe(versionOf(another));
});

test("while a worker runs, its version's folder stays until the next installation", async () => {
  const held = `flock /run/protected-sites.lock sh -c '${installProgram.replaceAll("'", `'\\''`)}'`;
  expect(await run(held, packed(text))).toEqual({ ok: true, text: "" });
  expect((await run(`ls ${programVersions}`)).text.split("\n").sort()).toEqual(
    [text, another].map(versionOf).sort(),
  );
  expect(await install(text)).toEqual({ ok: true, text: "" });
  expect((await run(`ls ${programVersions}`)).text).toBe(versionOf(text));
});

test.each([
  ["nothing", ""],
  ["its beginning", packed(another).slice(0, 25)],
  ["half of it", packed(another).slice(0, packed(another).length / 2)],
  ["all but its last character", packed(another).slice(0, -1)],
])("of a text that was cut off, %s arrives: nothing changes", async (_, arrived) => {
  const before = await everything();
  expect(await run(installProgram, arrived)).toEqual({
    ok: false,
    text: "the push program was truncated in transit",
  });
  expect(await everything()).toBe(before);
});

test("a module that this version of Python cannot read is refused, and nothing changes", async () => {
  const before = await everything();
  const broken = await install(another.replace("# another version", "def ("));
  expect(broken.ok).toBe(false);
  expect(broken.text).toContain("this Python cannot compile the program");
  expect(await everything()).toBe(before);
});

test("an existing program of the same name is kept, and reported", async () => {
  await run(`mv ${program} /run/ours && echo '#!/bin/sh' >${program}`);
  expect(await install(another)).toEqual({
    ok: false,
    text: `${program} already exists and is not managed by Protected Sites; move it away`,
  });
  expect((await run(`cat ${program}`)).text).toBe("#!/bin/sh");
  await run(`rm ${program} && mv /run/ours ${program}`);
});
