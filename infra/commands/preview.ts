/** `npm run preview`: `pulumi preview --diff` in this project. */
import { engineCommand } from "./engine.ts";

export const command = () => engineCommand("preview");
