/** `npm run up`: `pulumi up --diff` in this project. */
import { runCommand } from "./command.ts";
import { engineCommand } from "./engine.ts";

export const command = () => engineCommand("up");

if (import.meta.main) await runCommand(command());
