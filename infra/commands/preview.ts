/** `npm run preview`: `pulumi preview --diff` in this project. */
import { runCommand } from "./command.ts";
import { engineCommand } from "./engine.ts";

export const command = () => engineCommand("preview");

if (import.meta.main) await runCommand(command());
