/** Failures of the engine, for commands that ask it for something. */
import { CommandError } from "@pulumi/pulumi/automation/index.js";
import { ExecaError } from "execa";

/** The engine's own words, without the thousand lines around them. */
export class EngineFailure extends Error {
  override readonly name = "EngineFailure";
}

/** @throws EngineFailure where the engine has failed, or is not there */
export async function fromEngine<Answer>(asked: Promise<Answer>): Promise<Answer> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof CommandError || error instanceof ExecaError)
      throw new EngineFailure(`pulumi: ${reasonOf(error)}`, { cause: error });
    throw error;
  }
}

/** What the engine says is wrong, in one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (/error: (.*)/.exec(text) ?? /stderr: (.*)/.exec(text))?.[1] ?? text.split("\n")[0] ?? "";
}
