/** What all commands have in common: options, exit codes, errors, JSON. */
import { Command, CommanderError, InvalidArgumentError } from "commander";

import { ConfigError } from "../../components/site/errors.ts";
import { type CommandName, descriptions } from "./all.ts";
import { type Answering, type Answers, jsonVersion } from "./answers.ts";

/** What a command's exit code means; each says in its help what it finds. */
export const exitCodes = {
  /** It did what it was told to, and found nothing. */
  done: 0,
  /** It found something, or a part of it failed. */
  found: 1,
  /** Wrong use, an invalid file, or something that could not be reached: nothing was tried. */
  refused: 2,
  /** A bug, with its stack trace. */
  bug: 3,
} as const;

/** User errors, which a command reports without a stack trace. */
type Mistake = new (...args: never[]) => Error;

/** A command with its name and description. */
export function named(name: CommandName): Command {
  return new Command(name).description(descriptions[name]);
}

/**
 * The action of a command. A user error is printed as its message, with exit code 2; anything else is a bug.
 * @param mistakes kinds of user errors besides ConfigError
 */
export function action<Args extends unknown[]>(
  does: (...args: Args) => void | Promise<void>,
  ...mistakes: Mistake[]
): (...args: Args) => Promise<void> {
  return async (...args) => {
    try {
      await does(...args);
    } catch (error) {
      if (!(error instanceof ConfigError) && !mistakes.some((it) => error instanceof it)) throw error;
      console.error((error as Error).message);
      process.exitCode = exitCodes.refused;
    }
  };
}

/** Runs a command with the arguments of this process. */
export async function runCommand(command: Command): Promise<void> {
  // The reader has closed the pipe, as in `npm run review … | head`.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    throw error;
  });
  for (const each of [command, ...command.commands])
    each.exitOverride().showHelpAfterError("(--help shows the options)");
  try {
    await command.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError)
      process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.refused;
    else {
      console.error(error);
      process.exitCode = exitCodes.bug;
    }
  }
}

/** Prints a command's answer for programs. */
export function printJson<Name extends Answering>(command: Name, answer: Answers[Name]): void {
  console.log(asJson(command, answer));
}

/**
 * A command's answer for programs, with {@link jsonVersion}; without characters that would command a terminal.
 * @param _command says what it consists of
 */
export function asJson<Name extends Answering>(_command: Name, answer: Answers[Name]): string {
  const text = JSON.stringify({ version: jsonVersion, ...answer }, null, 2);
  return text.replaceAll(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (it) => String.raw`\u${it.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Parses an option's value: 0 or more. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Must be a whole number.");
  return Number(text);
}
