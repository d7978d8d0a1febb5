/** actionlint, which knows what GitHub does with a workflow. */
import { join } from "node:path";

import { execa } from "execa";

import { goBuild } from "../lab/closed/go-build.ts";
import { madeOnce } from "../lab/made-once.ts";
import { cacheDirectory } from "../lab/paths.ts";

const version = "1.7.12";

/**
 * What it says of the repository's workflows; empty where it has nothing to say. Built from its Go module on first use.
 * @param folder the repository
 * @throws where Go is missing or too old
 */
export async function actionlint(folder: string): Promise<string> {
  const directory = join(cacheDirectory(), "actionlint", `v${version}`);
  await madeOnce(directory, (aside) =>
    goBuild(
      {
        module: "actionlint",
        package: "github.com/rhysd/actionlint/cmd/actionlint",
        version: ["github.com/rhysd/actionlint.version", version],
      },
      join(aside, "actionlint"),
    ),
  );
  const { stdout, stderr } = await execa(join(directory, "actionlint"), ["-no-color"], {
    cwd: folder,
    reject: false,
  });
  return stdout + stderr;
}
