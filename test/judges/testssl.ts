/** testssl.sh, Debian's: what a site's TLS is open to, by the handshakes of old and of broken clients. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";

import { inRoot } from "../applications/packages.ts";
import type { AskedSite } from "./asked-site.ts";

interface Said {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

/** Protocols, preferences, what the server says of itself, headers, known holes; the whole adds lists of ciphers and clients. */
const mostTelling = ["--protocols", "--server-preference", "--server-defaults", "--headers", "--vulnerable"];

/**
 * What is not about a site: its OpenSSL has no engine for GOST's ciphers, and in TLS 1.3 its client may end before a
 * ticket has come, which it then calls a connection problem.
 */
const notOurs = /^(?:engine_problem|sessionresumption_ticket|scanTime)$/;

/**
 * @param root of the programs
 * @param folder on a file system of its own, for what it writes
 * @param whole with lists of ciphers and clients: minutes in place of seconds
 * @returns findings as `<id>: <severity>`, from LOW on, and what could not be tried as `<id>: WARN`
 */
export async function testsslFindings(
  { root, folder, whole, local }: { root: string; folder: string; whole: boolean; local: boolean },
  { domain, address, port = 443 }: AskedSite,
): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const report = "/report.json";
  const [program = "", ...args] = inRoot(root, folder, [
    ...["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", address],
    ...["--jsonfile", report, ...(whole ? [] : mostTelling), `${domain}:${port}`],
  ]);
  const { all } = await execa(program, args, {
    all: true,
    reject: false,
    env: { SSL_CERT_FILE: "/dev/null" },
  });
  const text = await readFile(join(folder, "files", report), "utf8").catch(() => "");
  if (!text.includes('"scanTime"'))
    throw new Error(`testssl.sh has not judged ${domain}:\n${all.slice(-2000)}`);
  return (
    (JSON.parse(text) as Said[])
      .filter(({ id, severity }) => !["OK", "INFO"].includes(severity) && !notOurs.test(id))
      // On loopback, the certificate is the judges' own.
      .filter(({ id }) => !(local && id.startsWith("cert")))
      .map(({ id, severity }) => `${id}: ${severity}`)
  );
}
