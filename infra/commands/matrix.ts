/** `npm run matrix`: who may open which site and path of an environment. */
import { Argument, type Command, Option } from "commander";

import { accessMatrixOf, isJudged } from "../access-matrix.ts";
import { asMarkdown, asText, type Order } from "../access-matrix-formats.ts";
import { readStackFile } from "../stack-file.ts";
import { action, exitCodes, named } from "./command.ts";
import {
  folderOption,
  formatOption,
  jsonFormatOption,
  outputOption,
  stackOption,
  type ReportOptions,
  writeReport,
} from "./options.ts";

interface Options extends ReportOptions {
  readonly stack: string;
  readonly folder: string;
  readonly by: Order;
}

export function command(): Command {
  return named("matrix")
    .addArgument(new Argument("[url]", "only this, for example https://wiki.example.com/admin"))
    .addOption(stackOption())
    .addOption(folderOption())
    .addOption(formatOption())
    .addOption(jsonFormatOption())
    .addOption(
      new Option("--by <order>", "what text and Markdown are sorted by")
        .choices(["site", "who"])
        .default("site"),
    )
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExit code 1: something cannot be judged; 2: the file is invalid, or no site has the URL.",
    )
    .action(action(show));
}

function show(url: string | undefined, { stack, folder, by, ...report }: Options): void {
  const matrix = accessMatrixOf(readStackFile(stack, folder))(url);
  writeReport("matrix", matrix, report, {
    text: (it) => asText(it, by),
    markdown: (it) => asMarkdown(it, by),
  });
  if (!isJudged(matrix)) process.exitCode = exitCodes.found;
}
