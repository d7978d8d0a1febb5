/** Failures of the engine, for commands that run it. */
import { CommandError } from "@pulumi/pulumi/automation/index.js";
import { ExecaError } from "execa";

/** The engine's own error message, without the output around it. */
export class EngineFailure extends Error {
  override readonly name = "EngineFailure";
}

/** @throws EngineFailure if the engine fails or is not installed */
export async function fromEngine<Answer>(asked: Promise<Answer>): Promise<Answer> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof CommandError || error instanceof ExecaError)
      throw new EngineFailure(`pulumi: ${reasonOf(error)}`, { cause: error });
    throw error;
  }
}

/** The engine's error, in one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (/error: (.*)/.exec(text) ?? /stderr: (.*)/.exec(text))?.[1] ?? text.split("\n")[0] ?? "";
}
