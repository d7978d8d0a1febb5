/** Puts the lab's own providers, and what runs programs and policy packs, where the engine looks for plug-ins. */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { putInPlace } from "../made-once.ts";

/**
 * A PULUMI_HOME with a launcher for each provider, of this checkout: another checkout has one of its own, so that
 * neither runs the other's code. Written anew at each call.
 *
 * @param providers - Names and versions.
 * @returns the home.
 */
export async function installStandIns(
  parent: string,
  providers: Readonly<Record<string, string>>,
): Promise<string> {
  const checkout = createHash("sha256")
    .update(import.meta.dirname)
    .digest("hex")
    .slice(0, 12);
  const home = join(parent, `stand-ins-${checkout}`);
  const node = [process.execPath, "--disable-warning=ExperimentalWarning"];
  const here = import.meta.dirname;
  for (const [name, version] of Object.entries(providers))
    await installPlugin(home, "resource", name, version, [
      ...node,
      join(here, "providers", "main.ts"),
      name,
      version,
    ]);
  await installPlugin(home, "language", "nodejs", "1.0.0", [...node, join(here, "language-host.ts")]);
  return home;
}

async function installPlugin(
  home: string,
  kind: string,
  name: string,
  version: string,
  words: readonly string[],
): Promise<void> {
  const directory = join(home, "plugins", `${kind}-${name}-v${version}`);
  await mkdir(directory, { recursive: true });
  // The official plug-ins are Go programs and take the lab's CA from SSL_CERT_FILE.
  const trust = 'export NODE_EXTRA_CA_CERTS="${SSL_CERT_FILE:-$NODE_EXTRA_CA_CERTS}"';
  const script = `#!/bin/sh\n${trust}\nexec ${words.map(quote).join(" ")} "$@"\n`;
  await putInPlace(join(directory, `pulumi-${kind}-${name}`), async (aside) => {
    await writeFile(aside, script, { mode: 0o755 });
  });
}

const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
