/** The judges' programs: from package registries, in pinned versions, kept in the cache; nothing on the machine changes. */
import { join } from "node:path";

import { debianPackages, pythonPackages } from "../applications/packages.ts";
import { goBuild } from "../lab/closed/go-build.ts";
import { madeOnce } from "../lab/made-once.ts";
import { cacheDirectory } from "../lab/paths.ts";
import type { Phase } from "../lab/phases.ts";

const h2specVersion = "2.2.1";

/** Where they are. */
export interface JudgePrograms {
  /** A folder of Python's packages. */
  readonly gixy: string;
  /** A file system of Debian's packages. */
  readonly testssl: string;
  readonly h2spec: string;
}

/** Installs what is missing, which needs a way to the registries. */
export async function judgePrograms(say: (line: string) => void = () => undefined): Promise<JudgePrograms> {
  const directory = join(cacheDirectory(), "h2spec", `v${h2specVersion}`);
  await madeOnce(directory, async (aside) => {
    say(`building h2spec ${h2specVersion} from its Go module, once`);
    await goBuild(
      {
        module: "h2spec",
        package: "github.com/summerwind/h2spec/cmd/h2spec",
        version: ["main.VERSION", h2specVersion],
      },
      join(aside, "h2spec"),
    );
  });
  return {
    gixy: await pythonPackages("gixy-next", import.meta.dirname)(say),
    testssl: await debianPackages(["testssl.sh"])(say),
    h2spec: join(directory, "h2spec"),
  };
}

/** Before a lab, or a network of one's own, is entered, which has no way to the registries. */
export const judgesPhase: Phase = {
  title: "judges",
  run: async (say) => {
    await judgePrograms(say);
    return "gixy-next, testssl.sh, h2spec";
  },
};
