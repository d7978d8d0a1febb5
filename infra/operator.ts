/** Who changes an environment, and from which commit. */
import { hostname, userInfo } from "node:os";

import { execa } from "execa";

import { projectFolder } from "./project.ts";
import { shellWord } from "./ssh.ts";

/** As hosts write it to their push log. */
export interface Operator {
  /** For example `ada@laptop`; in a GitHub workflow, the user who started it, or its schedule. */
  readonly who: string;
  /** Of the configuration; missing outside of a Git repository. */
  readonly commit?: string;
  /** Whether files differ from that commit, or are not in it. */
  readonly dirty?: boolean;
}

export async function operator(): Promise<Operator> {
  const who = ofWorkflow(process.env) ?? `${userInfo().username}@${hostname()}`;
  const commit = await git("rev-parse", "HEAD");
  if (commit === undefined) return { who };
  return { who, commit, dirty: (await git("status", "--porcelain")) !== "" };
}

/** Of a schedule, GitHub's actor is whoever changed it last. */
function ofWorkflow(environment: NodeJS.ProcessEnv): string | undefined {
  const { GITHUB_ACTOR: actor, GITHUB_EVENT_NAME: event, GITHUB_WORKFLOW: workflow } = environment;
  return event === "schedule" ? `schedule of ${workflow ?? "a workflow"}` : actor;
}

async function git(...args: string[]): Promise<string | undefined> {
  const { stdout, failed } = await execa("git", args, { cwd: projectFolder, reject: false });
  return failed ? undefined : stdout;
}

/** A shell command by which the host remembers the operator for the following update. */
export function announcement(facts: Operator & { readonly stack: string; readonly repair?: string }): string {
  const text = JSON.stringify(facts).replaceAll(/[^\x20-\x7e]/g, "?");
  return `printf %s ${shellWord(text)} | sudo -n tee /run/protected-sites-announcement.json >/dev/null; `;
}
