/** How every command of the operator's ends. */
import { ConfigError } from "../../components/site/errors.ts";

/** Mistakes of the user's, which a command tells without a stack trace. */
type Mistake = new (...args: never[]) => Error;

/**
 * Runs a command. A mistake of the user's is told in its own words, with exit code 2; anything else is a bug of ours.
 * @param mistakes further kinds of mistakes besides ConfigError
 */
export async function runCommand(main: () => void | Promise<void>, ...mistakes: Mistake[]): Promise<void> {
  // Whoever reads has seen enough, as in `npm run review … | head`.
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
