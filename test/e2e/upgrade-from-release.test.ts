/** The current code takes over what a recorded release has deployed (test/upgrades/), while people use it. */
import { readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDocument } from "yaml";

import { installProgram } from "../../components/host/program.ts";
import { openStack } from "../lab/stack.ts";
import { pack } from "../npm-package.ts";
import { browse, Person, signedIn } from "./crowd.ts";
import { lab } from "./instance.ts";
import { previewText } from "./preview-text.ts";
import { userRepository, type UserRepository } from "./user-repository.ts";

const folder = join(import.meta.dirname, "../upgrades");
const releases = readdirSync(folder, { withFileTypes: true }).filter((it) => it.isDirectory());

/** What the sites have beside their defaults. Renewals at every second need what hosts have of each site's secrets. */
const settings = {
  code: { open: [{ path: "/health", why: "the monitoring asks here" }], authCache: "5s" },
  wiki: {
    cookieRefresh: "1s",
    paths: [{ path: "/api", allowedGroups: ["7e57ab1e-0000-4000-8000-000000000001"] }],
  },
};

afterAll(async () => {
  await (await openStack(lab.name)).up();
});

describe.each(releases.map(({ name }) => name))("from %s", (release) => {
  let user: UserRepository;
  const engine = (command: string, ...options: string[]) =>
    user.run(command, "--stack", "local", "--", "--non-interactive", "--color=never", ...options);

  beforeAll(async () => {
    await (await openStack(lab.name)).destroy();
    user = await userRepository(join(folder, release, "package.tgz"));
    const file = parseDocument(await readFile(user.settings, "utf8"));
    for (const [site, own] of Object.entries(settings))
      for (const [key, value] of Object.entries(own))
        file.setIn(["config", "protected-sites:sites", site, key], file.createNode(value));
    await writeFile(user.settings, file.toString({ lineWidth: 0 }));
    const { exitCode, all } = await engine("up", "--yes", "--skip-preview");
    expect(exitCode, all).toBe(0);
    await user.install(await pack(join(user.settings, "../../..")));
    const unprepared = await engine("preview");
    expect(unprepared.exitCode, unprepared.all).toBe(1);
    expect(unprepared.all).toContain("Unrecognized field 'connection'");
    expect(unprepared.all).toContain("protected-sites upgrade-state < before.json");
    await user.upgradeState();
  }, 600_000);

  afterAll(() => user.remove());

  test("the preview shows what the upgrade changes, and nothing else", async () => {
    const { exitCode, all } = await engine("preview", "--show-full-output");
    expect(exitCode, all).toBe(0);
    const facts = {
      names: { [lab.oauth2Proxy.version]: "the lab's version", [installProgram]: "install the program" },
      texts: [],
    };
    await expect(previewText(all, facts)).toMatchFileSnapshot(join(folder, release, "preview.txt"));
  });

  test("no request fails, nobody is signed out, and hosts are as the file says", async () => {
    const crowd = await signedIn(10);
    const endSignIn = await new Person(0).beginSignIn();
    const browsing = browse(crowd, 500);
    const { exitCode, all } = await engine("up", "--yes", "--skip-preview");
    expect(exitCode, all).toBe(0);
    const signInFromBefore = await endSignIn();
    const { requests, ...walk } = await browsing.stop();
    expect({ signInFromBefore, ...walk }).toEqual({ signInFromBefore: 200, signOuts: 0, failures: [] });
    expect(requests).toBeGreaterThan(crowd.length);
    for (const person of crowd) expect(await person.request(), "a session from before").toBe(200);

    const again = await engine("preview", "--expect-no-changes");
    expect(again.exitCode, again.all).toBe(0);
    const status = await user.run("status", "--stack", "local", "--identity", lab.adminKey);
    expect(status.exitCode, status.all).toBe(0);
  }, 600_000);
});
