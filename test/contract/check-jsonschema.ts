/** check-jsonschema, which brings the published schemas of GitLab's and Azure DevOps' pipelines, and Renovate's. */
import { execa } from "execa";

import { pythonPackage } from "./python-package.ts";

/**
 * What it says of a pipeline or of Renovate's configuration; empty where it has nothing to say.
 * @param kind whose it is
 * @throws where pip is missing
 */
export async function checkSchema(
  kind: "gitlab-ci" | "azure-pipelines" | "renovate",
  file: string,
): Promise<string> {
  const directory = await pythonPackage("check-jsonschema");
  // Azure DevOps' schema holds a pattern that JavaScript, the default, does not know.
  const options = [
    "--builtin-schema",
    `vendor.${kind}`,
    ...(kind === "renovate" ? [] : ["--data-transform", kind]),
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
