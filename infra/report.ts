/** A host's status: `protected-sites status --json`. */
import { z } from "zod";

import { program } from "../components/host/program.ts";
import type { Host } from "./environment.ts";
import { answerIn, type Asker, runOnHost } from "./ssh.ts";

/** A generation of a site that a host has kept. */
export interface GenerationReport {
  readonly number: number;
  /** Of the bundle that was pushed. */
  readonly sha256: string;
  readonly when?: string | undefined;
  /** Who pushed: a user on the host. */
  readonly by?: string | undefined;
  /** Or a person, as announced by the Pulumi program. */
  readonly who?: string | undefined;
  readonly commit?: string | undefined;
  readonly dirty?: boolean | undefined;
  /** Of a rollback: the generation that was pushed again. */
  readonly rollbackTo?: number | undefined;
}

const generationSchema = z.object({
  number: z.number(),
  sha256: z.string(),
  when: z.string().optional(),
  by: z.string().optional(),
  who: z.string().optional(),
  commit: z.string().optional(),
  dirty: z.boolean().optional(),
  rollbackTo: z.number().optional(),
}) satisfies z.ZodType<GenerationReport>;

/** A site on a host. */
export interface SiteReport {
  readonly domain: string;
  /** The live one. */
  readonly generation: number | null;
  /** The live one is the last. */
  readonly generations: readonly GenerationReport[];
  /** What a push repairs. */
  readonly drift: readonly string[];
  readonly credentialsDrift: readonly string[];
  /** What it does not. */
  readonly extra: readonly string[];
  /** The mark of the last push that repaired drift (components/host/protected_sites/announcement.py). */
  readonly repair: string;
  readonly credentialsRepair: string;
  /** The SHA-256 of every file with its place. */
  readonly files: Readonly<Record<string, string>>;
  /** Seconds since 1970, of the certificate that Nginx serves. */
  readonly certificateStarts: number | null;
  readonly certificateEnds: number | null;
}

const siteSchema = z.object({
  domain: z.string(),
  generation: z.number().nullable(),
  generations: z.array(generationSchema),
  drift: z.array(z.string()),
  credentialsDrift: z.array(z.string()),
  extra: z.array(z.string()),
  repair: z.string(),
  credentialsRepair: z.string(),
  files: z.record(z.string(), z.string()),
  certificateStarts: z.number().nullable().default(null),
  certificateEnds: z.number().nullable(),
}) satisfies z.ZodType<SiteReport>;

const reportSchema = z.object({
  program: z.string(),
  sharedNginx: z.string(),
  /** The SHA-256 of the list of who is blocked. A host from before there was one has none. */
  blocked: z.string().optional(),
  oauth2Proxy: z.string(),
  nginx: z.string(),
  drift: z.array(z.string()),
  extra: z.array(z.string()),
  repair: z.string(),
  sites: z.array(siteSchema),
});

/** A host's report on what it runs. */
export interface Report extends Omit<z.output<typeof reportSchema>, "sites"> {
  readonly sites: readonly SiteReport[];
}

/**
 * Reads a host's status. Undefined: it has not been set up.
 * @throws Error with the reason in one line
 */
export async function ask(host: Host, asker: Asker): Promise<Report | undefined> {
  const command = `if [ -e ${program} ]; then sudo -n ${program} status --json; else echo not set up; fi`;
  const ended = await runOnHost(host, asker, command);
  if (ended.stdout.trimEnd().endsWith("not set up")) return undefined;
  // The exit code only says whether there is drift.
  return answerIn(ended, /^\{$/m, reportSchema);
}

/** Describes the rollback of a site that has not been pushed since. */
export function rollbackOf({ generations }: SiteReport): string | undefined {
  const live = generations.at(-1);
  if (live?.rollbackTo === undefined) return undefined;
  const who = live.who ?? live.by;
  return `rolled back to generation ${live.rollbackTo}${who === undefined ? "" : ` by ${who}`}${live.when === undefined ? "" : ` at ${live.when}`}`;
}
