/** The operator's commands, each in a file with its name: imported only when it is needed, so that help comes at once. */
import type { Command } from "commander";

/** What each is for, in the order of `protected-sites --help`. */
export const descriptions = {
  init: "Makes a repository for your own environments.",
  import:
    "Makes sites of an existing oauth2-proxy's configuration with its Nginx or Ingress. Contacts nothing.",
  validate: "Checks the environments' files. Contacts nothing.",
  review: "Shows what a change does to every environment: in one line, in words, and file by file.",
  preview: "Shows what an update would change: runs `pulumi preview`.",
  up: "Updates an environment: runs `pulumi up`.",
  status: "Shows what every host of an environment runs, and where that differs from its file.",
  who: "Shows who has used which site from where, as the hosts' access logs know it.",
  history: "Shows what was done on an environment's hosts, by whom and why: pushes, rotations, blocks.",
  explain:
    "Explains whether a request passes, what the backend gets, and which line decides. Contacts no host.",
  matrix: "Shows who may open which site and path of an environment. Contacts no host.",
  expiry: "Lists when each client secret expires, in all environments.",
  rotate: "Writes new generations of secrets into an environment's file; an update then rotates them.",
  revoke: "Revokes leaked client secrets: creates new ones, pushes them, removes all others from Entra.",
  block: "Blocks somebody at every site of an environment, at once: in its file and on all hosts.",
  unblock: "Takes somebody off that list again.",
  "block-disabled": "Blocks whoever Entra has disabled or deleted since the last run: for a scheduled job.",
  rollback: "Rolls a site back to an earlier generation, on all hosts or on one.",
  promote: "Copies sites' behaviour from one environment to another, into its file only.",
  "host-key": "Shows a host's public SSH key and its fingerprint.",
  "forget-host": "Removes a host that no longer exists from a stack export (standard input).",
  "upgrade-state": "Makes a stack export from before 0.1.0 (standard input) one of this version.",
  completion: "Prints a script that completes commands and options in a shell.",
} as const;

/** The name of a command. */
export type CommandName = keyof typeof descriptions;

export const commandNames = Object.keys(descriptions) as CommandName[];

/** A command with its options. */
export async function load(name: CommandName): Promise<Command> {
  const file = (await import(/* @vite-ignore */ `./${name}.ts`)) as { readonly command: () => Command };
  return file.command();
}
