/** Puts the lab's own providers, and what runs policy packs, where the engine looks for plug-ins. */
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
  await installPolicyHost(home);
  return home;
}

/**
 * Without Pulumi's Node language host, the engine looks for this plug-in. It does what the language host does with a
 * policy pack: it runs Pulumi's own program for it, with the Node of this checkout.
 */
async function installPolicyHost(home: string): Promise<void> {
  const directory = join(home, "plugins", "analyzer-policy-nodejs-v1.0.0");
  await mkdir(directory, { recursive: true });
  const program = join(import.meta.dirname, "../../../node_modules/@pulumi/pulumi/cmd/run-policy-pack");
  await putInPlace(join(directory, "pulumi-analyzer-policy-nodejs"), async (aside) => {
    await writeFile(aside, `#!/bin/sh\nexec ${[process.execPath, program].map(quote).join(" ")} "$@"\n`, {
      mode: 0o755,
    });
  });
}

const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
