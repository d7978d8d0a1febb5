/** h2spec, which tries a server of HTTP/2 by RFC 7540 and RFC 7541: https://github.com/summerwind/h2spec. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";

/**
 * @param domain found by this machine's resolver
 * @param folder for what it writes
 * @returns the tests that the server does not pass, as `<section>: <test>`
 */
export async function h2specFindings(
  program: string,
  { domain, port = 443 }: { domain: string; port?: number },
  folder: string,
): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const report = join(folder, `h2spec-${domain}.xml`);
  const { all } = await execa(
    program,
    [
      "--host",
      domain,
      "--port",
      `${port}`,
      "--tls",
      "--insecure",
      "--timeout",
      "2",
      "--junit-report",
      report,
    ],
    { all: true, reject: false },
  );
  const text = await readFile(report, "utf8").catch(() => "");
  if (!text.includes("<testcase")) throw new Error(`h2spec has not judged ${domain}:\n${all.slice(-2000)}`);
  return [
    ...text.matchAll(/<testcase package="([^"]+)" classname="([^"]+)"[^>]*>\s*<(?:error|failure)/g),
  ].map(([, section = "", test = ""]) => `${section}: ${test.replaceAll("&#34;", '"')}`);
}
