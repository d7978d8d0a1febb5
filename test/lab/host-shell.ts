/** Commands on a host of the lab as its root, past SSH, for those who want to know how they end. */
import { execa } from "execa";

import { onHost } from "./lab.ts";

/** What a command ended with: its exit code, and all that it printed. */
export interface Ended {
  readonly ok: boolean;
  readonly text: string;
}

export class HostShell {
  readonly lab: string;
  readonly name: string;

  constructor(lab: string, name: string) {
    this.lab = lab;
    this.name = name;
  }

  async run(command: readonly string[], input = ""): Promise<Ended> {
    const [file = "", ...rest] = await onHost(this.lab, this.name, command);
    const { exitCode, all } = await execa(file, rest, { input, reject: false, all: true });
    return { ok: exitCode === 0, text: all };
  }

  async shell(script: string): Promise<string> {
    return (await this.run(["/bin/sh", "-c", script])).text;
  }
}
