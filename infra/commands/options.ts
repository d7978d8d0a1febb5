/** Options that several commands have, and reports in the formats that they offer. */
import { writeFileSync } from "node:fs";

import { Option } from "commander";

import { stacksFolder } from "../stack-file.ts";
import { asJson } from "./command.ts";

export const stackOption = () => new Option("--stack <name>", "the environment").makeOptionMandatory();
export const folderOption = () =>
  new Option("--folder <path>", "folder of the environments' files").default(stacksFolder);
export const identityOption = () =>
  new Option("--identity <file>", "the administrator's private SSH key (default: the SSH agent)");

/** How a command prints its report, and where to. */
export interface ReportOptions {
  readonly format: "text" | "markdown" | "json";
  readonly output?: string;
}

export const formatOption = () =>
  new Option("--format <format>", "").choices(["text", "markdown", "json"]).default("text");
export const jsonFormatOption = () =>
  new Option("--json", "the same as --format json").implies({ format: "json" });
export const outputOption = () =>
  new Option("--output <file>", "write to this file instead of standard output");

/** Writes a report as the options say. @param formats the whole text of it, in each format but JSON */
export function writeReport<T extends object>(
  report: T,
  { format, output }: ReportOptions,
  formats: Readonly<Record<"text" | "markdown", (report: T) => string>>,
): void {
  const text = format === "json" ? `${asJson(report)}\n` : formats[format](report);
  if (output === undefined) process.stdout.write(text);
  else writeFileSync(output, text);
}
