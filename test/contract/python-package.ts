/** Programs from PyPI that judge what we make. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";

import { madeOnce } from "../lab/made-once.ts";
import { cacheDirectory } from "../lab/paths.ts";

/**
 * A folder for PYTHONPATH with a package and all that it needs, by the list `<name>.txt` in this folder. Installed on
 * first use.
 * @throws where pip is missing
 */
export async function pythonPackage(name: string): Promise<string> {
  const packages = join(import.meta.dirname, `${name}.txt`);
  const lines = (await readFile(packages, "utf8")).split("\n");
  const version = lines.find((it) => it.startsWith(`${name}==`))?.slice(name.length + 2);
  const directory = join(cacheDirectory(), name, `v${version ?? ""}`);
  await madeOnce(directory, async (aside) => {
    await execa("python3", [
      ..."-m pip install --quiet --no-deps --requirement".split(" "),
      packages,
      "--target",
      aside,
    ]);
  });
  return directory;
}
