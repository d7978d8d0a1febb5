/** The project that updates and commands work on. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * The folder with `Pulumi.yaml`, and `stacks/` in it. A checkout works on itself. An installed package works on the nearest
 * such folder, from where it was started upwards; the engine starts it in its own folder, below the project's
 * `node_modules`. Where there is none: where it was started.
 */
export const projectFolder: string =
  nearest(join(import.meta.dirname, ".."), 1) ?? nearest(process.cwd(), Infinity) ?? process.cwd();

function nearest(folder: string, levels: number): string | undefined {
  if (existsSync(join(folder, "Pulumi.yaml"))) return folder;
  const above = dirname(folder);
  return levels === 1 || above === folder ? undefined : nearest(above, levels - 1);
}
