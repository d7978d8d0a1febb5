/**
 * Builds a program from its Go module, for machines that reach package registries but no download servers. The module
 * beside this file pins the version and every dependency's checksum: `go install …@version` refuses modules with
 * `replace` lines.
 */
import { constants, setPriority } from "node:os";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";

/** A program that closed/<module>/go.mod can build. */
export interface GoProgram {
  /** The folder of its wrapper module in this folder. */
  readonly module: string;
  /** The import path of its main package. */
  readonly package: string;
  /** The variable that holds its version, and the version. */
  readonly version: readonly [variable: string, value: string];
}

/** Milliseconds. The build has more than a thousand packages, and a log is read by people. */
const progressInterval = 10_000;

/**
 * Builds `program` into `output`.
 *
 * @param onProgress - Gets a line every ten seconds: what is downloaded, or how many packages have been compiled.
 * @throws where Go is missing or too old, or where the build fails, with its last lines.
 */
export async function goBuild(
  program: GoProgram,
  output: string,
  onProgress?: (line: string) => void,
): Promise<void> {
  const directory = join(import.meta.dirname, program.module);
  await requireGo(directory, `${program.module} ${program.version[1]}`);
  const build = execa(
    "go",
    [
      "build",
      "-v",
      "-trimpath",
      "-ldflags",
      `-s -w -X ${program.version[0]}=${program.version[1]}`,
      "-o",
      output,
      program.package,
    ],
    {
      cwd: directory,
      env: { CGO_ENABLED: "0", GOFLAGS: "-mod=readonly -buildvcs=false", GOWORK: "off" },
      reject: false,
      stdin: "ignore",
      all: true,
    },
  );
  // Minutes of all cores: whatever else the machine does comes first.
  if (build.pid !== undefined) setPriority(build.pid, constants.priority.PRIORITY_LOW);
  let packages = 0;
  let told = Date.now();
  for await (const line of build.iterable({ from: "all" })) {
    if (!line.startsWith("go: ")) packages += 1;
    if (Date.now() - told < progressInterval) continue;
    told = Date.now();
    onProgress?.(packages === 0 ? line : `${packages} packages compiled`);
  }
  const { failed, all } = await build;
  if (failed)
    throw new Error(
      `${program.module}: its Go module does not build:\n${all.split("\n").slice(-15).join("\n")}`,
    );
}

async function requireGo(directory: string, what: string): Promise<void> {
  const needed = /^go (\d+)\.(\d+)/m.exec(await readFile(join(directory, "go.mod"), "utf8"));
  const { stdout, failed } = await execa("go", ["env", "GOVERSION"], { reject: false, cwd: "/" });
  const found = failed ? null : /^go(\d+)\.(\d+)/.exec(stdout.trim());
  const number = (match: RegExpExecArray | null) => Number(match?.[1] ?? 0) * 1000 + Number(match?.[2] ?? 0);
  if (number(found) >= number(needed)) return;
  const wanted = `Go ${needed?.[1] ?? ""}.${needed?.[2] ?? ""} or newer`;
  throw new Error(
    `${what} cannot be downloaded from here, and building it needs ${wanted} on the PATH; ` +
      (found === null ? "there is none" : `there is ${stdout.trim()}`),
  );
}
