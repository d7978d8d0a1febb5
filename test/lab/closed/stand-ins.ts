/** Puts the lab's own providers where the engine looks for plug-ins. */
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
  for (const [name, version] of Object.entries(providers)) {
    const directory = join(home, "plugins", `resource-${name}-v${version}`);
    await mkdir(directory, { recursive: true });
    const launcher = join(directory, `pulumi-resource-${name}`);
    const main = join(import.meta.dirname, "providers", "main.ts");
    const words = [process.execPath, "--disable-warning=ExperimentalWarning", main, name, version];
    // The official plug-ins are Go programs and take the lab's CA from SSL_CERT_FILE.
    const trust = 'export NODE_EXTRA_CA_CERTS="${SSL_CERT_FILE:-$NODE_EXTRA_CA_CERTS}"';
    await putInPlace(launcher, async (aside) => {
      await writeFile(aside, `#!/bin/sh\n${trust}\nexec ${words.map(quote).join(" ")} "$@"\n`, {
        mode: 0o755,
      });
    });
  }
  return home;
}

const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
