/** What runs Pulumi programs in YAML and Go, and makes SDKs for Go, where the engine does not bring it along. */
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";

import { goBuild } from "./closed/go-build.ts";
import { madeOnce } from "./made-once.ts";
import { cacheDirectory } from "./paths.ts";
import type { Phase } from "./phases.ts";

/** Versions of the plug-ins: of YAML's own host, and of the stand-in for Go's, which has its engine's. */
const versions = { yaml: "1.25.0", go: "3.259.0" } as const;

const programs = {
  yaml: {
    module: "pulumi-yaml",
    package: "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",
    version: ["github.com/pulumi/pulumi-yaml/pkg/version.Version", versions.yaml],
  },
  go: { module: "pulumi-go", package: ".", version: ["main.version", versions.go] },
} as const;

/** The folders of the plug-ins by their names, as a PULUMI_HOME has them, once {@link languagesPhase} has made them. */
export const languagePlugins: Readonly<Record<string, string>> = Object.fromEntries(
  (["yaml", "go"] as const).map((language) => [
    `language-${language}-v${versions[language]}`,
    join(cacheDirectory(), "languages", `${language}-v${versions[language]}`),
  ]),
);

/** The Go module of the SDK, in the folder where the engine generates it. */
export const goSdk = {
  folder: "sdks/go/protectedsites",
  mod: "module example.com/pulumi-protected-sites/sdk/go/protected-sites\n\ngo 1.25.11\n\nrequire github.com/pulumi/pulumi/sdk/v3 v3.259.0\n",
};

/** Builds them from their Go modules, and gets the packages of the example in Go: a lab reaches no registry. */
export const languagesPhase: Phase = {
  title: "languages",
  run: async (say) => {
    for (const language of ["yaml", "go"] as const) {
      const directory = languagePlugins[`language-${language}-v${versions[language]}`] ?? "";
      await madeOnce(directory, async (aside) => {
        say(`building Pulumi's host for ${language} from its Go module: up to three minutes, once`);
        const program = join(aside, `pulumi-language-${language}`);
        await goBuild(programs[language], program, say);
        await chmod(program, 0o755);
      });
    }
    const copy = await mkdtemp(join(tmpdir(), "example-go-"));
    try {
      await cp(join(import.meta.dirname, "../../examples/go"), copy, { recursive: true });
      await mkdir(join(copy, goSdk.folder), { recursive: true });
      await writeFile(join(copy, goSdk.folder, "go.mod"), goSdk.mod);
      await execa("go", ["mod", "download"], { cwd: copy });
    } finally {
      await rm(copy, { recursive: true });
    }
    return `YAML's ${versions.yaml}, and a stand-in for Go's, built from their Go modules`;
  },
};
