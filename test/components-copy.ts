/** A copy of the components outside of the project, built with the packages that it names, as Pulumi does it. */
import { cp, mkdir, readFile, realpath, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";

import { execa } from "execa";

const root = join(import.meta.dirname, "..");

/** @param folder where the copy is to be; its parent exists */
export async function buildComponents(folder: string): Promise<void> {
  await cp(join(root, "components"), folder, {
    recursive: true,
    filter: (path) => !/[/]components[/](?:dist|node_modules)$/.test(path),
  });
  const { dependencies } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(dependencies)) {
    const link = join(folder, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(await realpath(join(root, "node_modules", name)), link);
  }
  await execa("node", [join(folder, "node_modules/typescript/bin/tsc"), "-p", "."], { cwd: folder });
  for (const name of ["protected_sites", "over-ssh.sh"])
    await cp(join(folder, "host", name), join(folder, "dist/host", name), { recursive: true });
}
