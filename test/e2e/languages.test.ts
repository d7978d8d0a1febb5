/** Programs in YAML and Go use the components, by Pulumi's own means. Only when it is named: it builds language hosts. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { buildComponents } from "../components-copy.ts";
import { type Engine, ensureEngine } from "../lab/engine.ts";
import { goSdk, languagePlugins } from "../lab/languages.ts";
import { deployerEnvironment } from "./client-secrets.ts";

let outside: string;
let engine: Engine;
let home: string;

beforeAll(async () => {
  outside = await mkdtemp(join(tmpdir(), "languages-"));
  await buildComponents(join(outside, "components"));
  await cp(join(import.meta.dirname, "../../examples"), join(outside, "examples"), { recursive: true });
  engine = await ensureEngine();
  // The official engine brings them along.
  home = engine.standIns ? join(outside, "home") : engine.home;
  if (engine.standIns) await installLanguages(home);
}, 600_000);

afterAll(() => rm(outside, { recursive: true, force: true }));

/** Copies, since the engine takes no link for a plug-in's folder. */
async function installLanguages(to: string): Promise<void> {
  await cp(join(engine.home, "plugins"), join(to, "plugins"), { recursive: true });
  for (const [name, directory] of Object.entries(languagePlugins))
    await cp(directory, join(to, "plugins", name), { recursive: true });
}

async function pulumi(cwd: string, ...args: string[]) {
  const env = {
    ...engine.environment,
    ...deployerEnvironment(),
    PULUMI_HOME: home,
    PULUMI_BACKEND_URL: `file://${outside}`,
    PULUMI_CONFIG_PASSPHRASE: "languages",
  };
  const options = { cwd, env, all: true, reject: false, stdin: "ignore" } as const;
  return execa(engine.pulumi, [...args, "--non-interactive", "--color=never"], options);
}

describe.each(["yaml", "go"])("a program in %s", (language) => {
  const folder = () => join(outside, "examples", language);

  beforeAll(async () => {
    const settings = {
      tenantId: "7e57ab1e-0000-4000-8000-000000000000",
      hostKey: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}`,
      oauth2ProxySha256: "0".repeat(64),
    };
    expect((await pulumi(folder(), "stack", "init", language)).all).not.toContain("error");
    for (const [key, value] of Object.entries(settings))
      expect((await pulumi(folder(), "config", "set", key, value)).exitCode).toBe(0);
    if (language !== "go") return;
    const made = await pulumi(
      folder(),
      "package",
      "gen-sdk",
      "../../components",
      "--language=go",
      "--out=sdks",
    );
    expect(made.exitCode, made.all).toBe(0);
    await writeFile(join(folder(), goSdk.folder, "go.mod"), goSdk.mod);
  }, 600_000);

  test("previews the host and the site that it declares", async () => {
    const { exitCode, all } = await pulumi(folder(), "preview", "--diff");
    expect(exitCode, all).toBe(0);
    expect(all).toMatch(/protected-sites:index:ProxyHost::edge-1\]/);
    expect(all).toMatch(/protected-sites:index:ProtectedSite::wiki\]/);
    expect(all).toMatch(/azuread:index\/application:Application::wiki\]/);
    expect(all).toMatch(/command:local:Command::wiki-edge-1\]/);
    expect(all).toMatch(/url *: "https:\/\/wiki\.example\.com"/);
    expect(all).toMatch(/\+ 16 to create/);
  }, 600_000);

  test("a wrong setting is named in the words that a stack's file gets", async () => {
    const file = join(folder(), language === "go" ? "main.go" : "Pulumi.yaml");
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace("wiki.example.com", "https://wiki.example.com"));
    const { exitCode, all } = await pulumi(folder(), "preview");
    await writeFile(file, text);
    expect(exitCode).not.toBe(0);
    expect(all).toContain(`domain must be a bare host name in lower case like "wiki.example.com"`);
  }, 600_000);
});
