/** check-jsonschema, which brings the published schemas of GitLab's and Azure DevOps' pipelines. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";

import { madeOnce } from "../lab/made-once.ts";
import { cacheDirectory } from "../lab/paths.ts";

const packages = join(import.meta.dirname, "check-jsonschema.txt");

/**
 * What it says of a pipeline; empty where it has nothing to say. Installed from PyPI on first use.
 * @param kind whose pipeline it is
 * @throws where pip is missing
 */
export async function checkPipeline(kind: "gitlab-ci" | "azure-pipelines", file: string): Promise<string> {
  const [version = ""] = /(?<=check-jsonschema==)\S+/.exec(await readFile(packages, "utf8")) ?? [];
  const directory = join(cacheDirectory(), "check-jsonschema", `v${version}`);
  await madeOnce(directory, async (aside) => {
    await execa("python3", [
      ..."-m pip install --quiet --no-deps --requirement".split(" "),
      packages,
      "--target",
      aside,
    ]);
  });
  // Azure DevOps' schema holds a pattern that JavaScript, the default, does not know.
  const options = [
    "--builtin-schema",
    `vendor.${kind}`,
    "--data-transform",
    kind,
    "--regex-variant",
    "python",
  ];
  const { exitCode, all } = await execa("python3", ["-m", "check_jsonschema", ...options, file], {
    all: true,
    reject: false,
    env: { PYTHONPATH: directory },
  });
  return exitCode === 0 ? "" : all;
}
