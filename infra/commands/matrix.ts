/** `npm run matrix`: who may open which site and path of an environment. */
import { writeFileSync } from "node:fs";

import { Argument, type Command, Option } from "commander";

import { type AccessMatrix, accessMatrixOf, isJudged } from "../access-matrix.ts";
import { asMarkdown, asText, type Order } from "../access-matrix-formats.ts";
import { readStackFile, stacksFolder } from "../stack-file.ts";
import { action, asJson, exitCodes, named, runCommand } from "./command.ts";

interface Options {
  readonly stack: string;
  readonly folder: string;
  readonly format: "text" | "markdown" | "json";
  readonly by: Order;
  readonly output?: string;
}

export function command(): Command {
  return named("matrix")
    .addArgument(new Argument("[url]", "only this, for example https://wiki.example.com/admin"))
    .requiredOption("--stack <name>", "the environment")
    .option("--folder <path>", "folder of the environments' files", stacksFolder)
    .addOption(new Option("--format <format>", "").choices(["text", "markdown", "json"]).default("text"))
    .addOption(new Option("--json", "the same as --format json").implies({ format: "json" }))
    .addOption(
      new Option("--by <order>", "what text and Markdown are sorted by")
        .choices(["site", "who"])
        .default("site"),
    )
    .option("--output <file>", "write to this file instead of standard output")
    .addHelpText(
      "after",
      "\nExit code 1: something cannot be judged; 2: the file is invalid, or no site has the URL.",
    )
    .action(action(show));
}

function show(url: string | undefined, { stack, folder, format, by, output }: Options): void {
  const matrix = accessMatrixOf(readStackFile(stack, folder))(url);
  const text = {
    text: (it: AccessMatrix) => asText(it, by),
    markdown: (it: AccessMatrix) => asMarkdown(it, by),
    json: (it: AccessMatrix) => `${asJson({ ...it })}\n`,
  }[format](matrix);
  if (output === undefined) process.stdout.write(text);
  else writeFileSync(output, text);
  if (!isJudged(matrix)) process.exitCode = exitCodes.found;
}

if (import.meta.main) await runCommand(command());
