/** The Pulumi engine and the provider plug-ins that the lab and the tests run on. */
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, symlink, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";

import { execa } from "execa";

import { compileCache } from "../../infra/compile-cache.ts";
import { goBuild } from "./closed/go-build.ts";
import { installStandIns } from "./closed/stand-ins.ts";
import { NotAvailable, download, reachable } from "./download.ts";
import { madeOnce, putInPlace } from "./made-once.ts";
import { cacheDirectory } from "./paths.ts";

/** An engine that is ready to run. */
export interface Engine {
  /** Path of the `pulumi` program. */
  readonly pulumi: string;
  /** The folder with bin/pulumi, as `PulumiCommand.get({ root })` wants it. */
  readonly root: string;
  /** PULUMI_HOME: holds the provider plug-ins. */
  readonly home: string;
  /** For example "3.259.0". */
  readonly version: string;
  /** Whether the providers are the lab's stand-ins rather than the official plug-ins. */
  readonly standIns: boolean;
  /** What the engine's environment must have beside the caller's own. */
  readonly environment: Readonly<Record<string, string>>;
  /** One line that says what is used. */
  readonly line: string;
}

const providerNames = ["azuread", "command", "random", "tls"] as const;

/**
 * The engine of the version that package.json pins: the `pulumi` on the PATH if it is that one, else the official
 * download, else (closed machines) built from its Go module, minutes once. Official provider plug-ins, else the lab's
 * stand-ins; LAB_PROVIDERS=stand-ins takes the stand-ins on any machine. All of it is kept in the cache.
 *
 * @param onProgress - Gets a line for each thing that takes long.
 */
export async function ensureEngine(onProgress: (line: string) => void = () => undefined): Promise<Engine> {
  const pins = await pinnedVersions();
  const version = pin(pins, "pulumi");
  const cache = join(cacheDirectory(), "pulumi", `v${version}`);
  const { root, origin } =
    (await onPath(version, cache)) ??
    (await downloaded(version, cache, onProgress)) ??
    (await built(version, cache, onProgress));
  const pulumi = join(root, "bin", "pulumi");

  const providers = Object.fromEntries(providerNames.map((name) => [name, pin(pins, name)]));
  const official =
    process.env["LAB_PROVIDERS"] === "stand-ins"
      ? undefined
      : await officialPlugins(pulumi, cache, providers, origin !== "built", onProgress);
  const home = official ?? (await installStandIns(cache, providers));
  const list = Object.entries(providers);
  return {
    pulumi,
    root,
    home,
    version,
    standIns: official === undefined,
    environment: {
      PULUMI_HOME: home,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      // A plug-in that lies on the PATH would be taken in silence, whatever its version.
      PULUMI_IGNORE_AMBIENT_PLUGINS: "true",
      // The emulator answers the same at once; only the directory of a real tenant needs the real provider's patience.
      // The stand-ins are programs of Node's, which each update starts anew.
      NODE_COMPILE_CACHE: compileCache,
      ...(official === undefined ? { LAB_GRAPH_POLL_INTERVAL_MS: "20" } : {}),
    },
    line:
      `engine: pulumi ${version}, ${origins[origin]}; providers: ` +
      (official === undefined
        ? `the lab's stand-ins (${list.map(([name]) => name).join(", ")})`
        : `official (${list.map((entry) => entry.join(" ")).join(", ")})`),
  };
}

const origins = {
  path: "from the PATH",
  official: "official download",
  built: "built from its Go module",
} as const;

interface Found {
  readonly root: string;
  readonly origin: keyof typeof origins;
}

async function onPath(version: string, cache: string): Promise<Found | undefined> {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const pulumi = join(directory, "pulumi");
    if (!directory.startsWith("/") || !existsSync(pulumi) || !(await isVersion(pulumi, version))) continue;
    const root = join(cache, "path");
    await mkdir(join(root, "bin"), { recursive: true });
    await putInPlace(join(root, "bin", "pulumi"), (aside) => symlink(pulumi, aside));
    return { root, origin: "path" };
  }
  return undefined;
}

async function downloaded(
  version: string,
  cache: string,
  onProgress: (line: string) => void,
): Promise<Found | undefined> {
  const root = join(cache, "official");
  // A machine that once had to build it need not find out at every run that it is closed.
  if (!existsSync(root) && existsSync(join(cache, "built"))) return undefined;
  const platform = process.platform === "darwin" ? "darwin" : "linux";
  const url = `https://get.pulumi.com/releases/sdk/pulumi-v${version}-${platform}-${process.arch}.tar.gz`;
  try {
    await madeOnce(
      root,
      async (aside) => {
        onProgress(`downloading ${url}`);
        const archive = join(aside, "pulumi.tar.gz");
        await download(url, archive);
        await mkdir(join(aside, "bin"));
        await execa("tar", ["-xzf", archive, "-C", join(aside, "bin"), "--strip-components=1"]);
        await rm(archive);
        if (!(await isVersion(join(aside, "bin", "pulumi"), version)))
          throw new Error(`${url}: holds no pulumi v${version} that runs here`);
      },
      () => {
        onProgress("another run is downloading pulumi; waiting for it");
      },
    );
  } catch (error) {
    if (!(error instanceof NotAvailable)) throw error;
    onProgress(error.message);
    return undefined;
  }
  return { root, origin: "official" };
}

async function built(version: string, cache: string, onProgress: (line: string) => void): Promise<Found> {
  const root = join(cache, "built");
  await madeOnce(
    root,
    async (aside) => {
      onProgress(`building pulumi ${version} from its Go module: 4 to 8 minutes on two cores, once`);
      const pulumi = join(aside, "bin", "pulumi");
      await goBuild(
        {
          module: "pulumi",
          package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
          version: ["github.com/pulumi/pulumi/sdk/v3/go/common/version.Version", `v${version}`],
        },
        pulumi,
        onProgress,
      );
      await chmod(pulumi, 0o755);
      if (!(await isVersion(pulumi, version)))
        throw new Error(`test/lab/closed/pulumi builds another version than package.json's ${version}`);
    },
    () => {
      onProgress("another run is building pulumi; waiting for it");
    },
  );
  return { root, origin: "built" };
}

/**
 * A PULUMI_HOME with the official plug-ins: the caller's own if it has them all, else one in the cache.
 *
 * @param mayDownload - False where the engine itself could not be downloaded: the plug-ins come from the same places.
 */
async function officialPlugins(
  pulumi: string,
  cache: string,
  providers: Readonly<Record<string, string>>,
  mayDownload: boolean,
  onProgress: (line: string) => void,
): Promise<string | undefined> {
  const complete = (home: string) =>
    Object.entries(providers).every(([name, version]) => {
      const directory = join(home, "plugins", `resource-${name}-v${version}`);
      return existsSync(join(directory, `pulumi-resource-${name}`)) && !existsSync(`${directory}.partial`);
    });
  const own = process.env["PULUMI_HOME"];
  if (own !== undefined && complete(own)) return own;
  const home = join(cache, "home");
  if (complete(home)) return home;
  // The engine itself would try for minutes.
  if (!mayDownload || !(await reachable("https://get.pulumi.com"))) return undefined;
  await mkdir(home, { recursive: true });
  for (const [name, version] of Object.entries(providers)) {
    onProgress(`downloading provider ${name} ${version}`);
    const { failed, stderr } = await execa(pulumi, ["plugin", "install", "resource", name, version], {
      env: { PULUMI_HOME: home, PULUMI_SKIP_UPDATE_CHECK: "true" },
      reject: false,
      timeout: 120_000,
    });
    if (failed) {
      onProgress(`provider ${name} cannot be downloaded: ${stderr.trim().split("\n").at(-1) ?? ""}`);
      return undefined;
    }
  }
  return home;
}

async function isVersion(pulumi: string, version: string): Promise<boolean> {
  const { stdout, failed } = await execa(pulumi, ["version"], {
    env: { PULUMI_SKIP_UPDATE_CHECK: "true" },
    reject: false,
    timeout: 20_000,
  });
  return !failed && stdout.trim() === `v${version}`;
}

async function pinnedVersions(): Promise<Readonly<Record<string, string>>> {
  const file = join(import.meta.dirname, "..", "..", "package.json");
  const { dependencies } = JSON.parse(await readFile(file, "utf8")) as {
    dependencies: Record<string, string>;
  };
  return dependencies;
}

function pin(pins: Readonly<Record<string, string>>, name: string): string {
  const version = pins[`@pulumi/${name}`];
  if (version === undefined || !/^\d+\.\d+\.\d+$/.test(version))
    throw new Error(
      `package.json: dependency @pulumi/${name} must be an exact version, got ${version ?? "none"}`,
    );
  return version;
}
