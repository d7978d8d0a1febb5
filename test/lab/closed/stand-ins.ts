/** Puts the lab's own providers where the engine looks for plug-ins. */
import { createHash } from "node:crypto";
import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

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
    await writeFile(`${launcher}.new`, `#!/bin/sh\n${trust}\nexec ${words.map(quote).join(" ")} "$@"\n`);
    await chmod(`${launcher}.new`, 0o755);
    await rename(`${launcher}.new`, launcher);
  }
  return home;
}

const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
