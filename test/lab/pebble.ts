/** Pebble, the ACME server that Let's Encrypt tests its clients with. */
import { chmod } from "node:fs/promises";
import { join } from "node:path";

import { goBuild } from "./closed/go-build.ts";
import { madeOnce } from "./made-once.ts";
import { cacheDirectory } from "./paths.ts";
import type { Phase } from "./phases.ts";

const version = "2.10.1";

/** The program, once {@link pebblePhase} has made it. */
export const pebble = join(cacheDirectory(), "pebble", `v${version}`, "pebble");

/** Builds it from its Go module: its releases have no checksums that could be pinned. Kept in the cache. */
export const pebblePhase: Phase = {
  title: "pebble",
  run: async (say) => {
    await madeOnce(join(pebble, ".."), async (aside) => {
      say(`building pebble ${version} from its Go module: half a minute, once`);
      const program = join(aside, "pebble");
      await goBuild(
        {
          module: "pebble",
          package: "github.com/letsencrypt/pebble/v2/cmd/pebble",
          version: ["main.version", version],
        },
        program,
        say,
      );
      await chmod(program, 0o755);
    });
    return `${version}, built from its Go module`;
  },
};
