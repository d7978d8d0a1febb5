/** Options that several commands have, and reports in the formats that they offer. */
import { writeFileSync } from "node:fs";

import { InvalidArgumentError, Option } from "commander";

import { stacksFolder } from "../stack-file.ts";
import type { Answers } from "./answers.ts";
import { asJson } from "./command.ts";

export const stackOption = () => new Option("--stack <name>", "the environment").makeOptionMandatory();
export const folderOption = () =>
  new Option("--folder <path>", "folder of the environments' files").default(stacksFolder);
export const identityOption = () =>
  new Option("--identity <file>", "the administrator's private SSH key (default: the SSH agent)");

export const logSiteOption = () => new Option("--site <name>", "only this site: its name or domain");
export const sinceOption = (usual: string) =>
  new Option("--since <time>", "from when on, in UTC: 30m, 12h, 7d, 2027-01-31 or 2027-01-31T08:00:00Z")
    .argParser(since)
    .default(since(usual), usual);

const units = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Parses an option's value: a time, or how long ago it was. */
export function since(text: string): Date {
  const [, number = "", unit = ""] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  if (number !== "") return new Date(Date.now() - Number(number) * units[unit as keyof typeof units]);
  const time = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?Z)?$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time)) throw new InvalidArgumentError("Must be like 12h, 7d or 2027-01-31.");
  return new Date(time);
}

/** How a command prints its report, and where to. */
export interface ReportOptions {
  readonly format: "text" | "markdown" | "json";
  readonly output?: string;
}

export const formatOption = () =>
  new Option("--format <format>", "").choices(["text", "markdown", "json"]).default("text");
export const jsonOption = () => new Option("--json", "print JSON");
export const jsonFormatOption = () =>
  new Option("--json", "the same as --format json").implies({ format: "json" });
export const outputOption = () =>
  new Option("--output <file>", "write to this file instead of standard output");

/** Writes a report as the options say. @param formats the whole text of it, in each format but JSON */
export function writeReport<Name extends "review" | "matrix">(
  command: Name,
  report: Answers[Name],
  { format, output }: ReportOptions,
  formats: Readonly<Record<"text" | "markdown", (report: Answers[Name]) => string>>,
): void {
  const text = format === "json" ? `${asJson(command, report)}\n` : formats[format](report);
  if (output === undefined) process.stdout.write(text);
  else writeFileSync(output, text);
}
