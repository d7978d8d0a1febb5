/** The oauth2-proxy release that the lab's hosts install. */
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import { execa } from "execa";

import { goBuild } from "./closed/go-build.ts";
import { NotAvailable, download, sha256Of } from "./download.ts";
import { madeOnce } from "./made-once.ts";
import { cacheDirectory } from "./paths.ts";

/** An oauth2-proxy release as a host would download it. */
export interface Oauth2Proxy {
  /** For example "7.15.5". */
  readonly version: string;
  /** Path of oauth2-proxy-v<version>.linux-<architecture>.tar.gz, which holds a folder of that name. */
  readonly tarball: string;
  /** Path of the program, unpacked: for tests that need no host. */
  readonly program: string;
  /** Of the tarball. */
  readonly sha256: string;
  /** One line that says what is used. */
  readonly line: string;
}

const architecture = process.arch === "x64" ? "amd64" : process.arch;

/**
 * Checksums of the tarball by architecture. The project publishes them only beside the tarballs, so they are pinned
 * here; where none is known, the release is not downloaded.
 */
const release = {
  version: "7.15.5",
  sha256: { amd64: "f63f94bf72c5f46ab002a0a275aa8b3cf19b4d828aed08a13978cb9a62c3a1fd" } as Record<
    string,
    string | undefined
  >,
};

/** The newest version that can be built where only package registries are in reach; it has known vulnerabilities. */
const buildable = "7.15.3";

/**
 * The official release where it can be downloaded, else (closed machines) an older version built from its Go module
 * and packed like a release. Kept in the cache.
 *
 * @param onProgress - Gets a line for each thing that takes long.
 */
export async function ensureOauth2Proxy(
  onProgress: (line: string) => void = () => undefined,
): Promise<Oauth2Proxy> {
  return (await downloaded(onProgress)) ?? (await built(onProgress));
}

async function downloaded(onProgress: (line: string) => void): Promise<Oauth2Proxy | undefined> {
  const { version } = release;
  const sha256 = release.sha256[architecture];
  const paths = pathsOf(version);
  if (sha256 === undefined) return undefined;
  // A machine that once had to build it need not find out at every run that it is closed.
  if (!existsSync(paths.directory) && existsSync(pathsOf(buildable).directory)) return undefined;
  const url = `https://github.com/oauth2-proxy/oauth2-proxy/releases/download/v${version}/${paths.name}.tar.gz`;
  try {
    await madeOnce(paths.directory, async (aside) => {
      onProgress(`downloading ${url}`);
      const tarball = join(aside, `${paths.name}.tar.gz`);
      await download(url, tarball, sha256);
      await execa("tar", ["-xzf", tarball, "-C", aside]);
    });
  } catch (error) {
    if (!(error instanceof NotAvailable)) throw error;
    onProgress(error.message);
    return undefined;
  }
  return { version, ...paths, sha256, line: `oauth2-proxy ${version}, official release` };
}

async function built(onProgress: (line: string) => void): Promise<Oauth2Proxy> {
  const version = buildable;
  const paths = pathsOf(version);
  await madeOnce(paths.directory, async (aside) => {
    onProgress(`building oauth2-proxy ${version} from its Go module: a minute on two cores, once`);
    const program = join(aside, paths.name, "oauth2-proxy");
    await mkdir(dirname(program));
    await goBuild(
      {
        module: "oauth2-proxy",
        package: "github.com/oauth2-proxy/oauth2-proxy/v7",
        version: ["github.com/oauth2-proxy/oauth2-proxy/v7/pkg/version.VERSION", `v${version}`],
      },
      program,
      onProgress,
    );
    await chmod(program, 0o755);
    const tarball = join(aside, `${paths.name}.tar.gz`);
    // No times, no owners, no names of the machine: the same build gives the same checksum, so that a cache made
    // anew is no change to the hosts.
    const same = [
      "--sort=name",
      "--mtime=@0",
      "--owner=0",
      "--group=0",
      "--numeric-owner",
      "--mode=u=rwX,go=rX",
    ];
    await execa("tar", [...same, "--use-compress-program=gzip -n", "-cf", tarball, "-C", aside, paths.name]);
    await writeFile(`${tarball}.sha256`, await sha256Of(tarball));
  });
  const sha256 = await readFile(`${paths.tarball}.sha256`, "utf8");
  return { version, ...paths, sha256, line: `oauth2-proxy ${version}, built from its Go module` };
}

function pathsOf(version: string) {
  const directory = join(cacheDirectory(), "oauth2-proxy", `v${version}`);
  const name = `oauth2-proxy-v${version}.linux-${architecture}`;
  return {
    directory,
    name,
    tarball: join(directory, `${name}.tar.gz`),
    program: join(directory, name, "oauth2-proxy"),
  };
}
