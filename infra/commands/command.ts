/** Runs the operator's commands, and reports their errors. */
import { ConfigError } from "../../components/site/errors.ts";

/** User errors, which a command reports without a stack trace. */
type Mistake = new (...args: never[]) => Error;

/**
 * Runs a command. A user error is printed as its message, with exit code 2; anything else is a bug.
 * @param mistakes kinds of user errors besides ConfigError
 */
export async function runCommand(main: () => void | Promise<void>, ...mistakes: Mistake[]): Promise<void> {
  // The reader has closed the pipe, as in `npm run review … | head`.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    throw error;
  });
  try {
    await main();
  } catch (error) {
    if (!(error instanceof ConfigError) && !mistakes.some((it) => error instanceof it)) throw error;
    console.error((error as Error).message);
    process.exitCode = 2;
  }
}
