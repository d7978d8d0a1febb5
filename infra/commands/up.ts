/** `npm run up`: `pulumi up --diff` in this project. */
import { engineCommand } from "./engine.ts";

export const command = () => engineCommand("up");
