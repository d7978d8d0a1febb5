/** What the applications need, installed while there is still a network: inside the lab there is none. */
import type { Phase } from "../lab/phases.ts";
import { chosen } from "./all.ts";

/** Installs those of {@link chosen}; what the cache has is not installed again. */
export function installPhase(): Phase {
  return {
    title: "applications",
    run: async (say) => {
      for (const { application } of chosen())
        for (const install of Object.values(application.packages)) await install(say);
      return chosen()
        .map(({ application }) => application.title)
        .join(", ");
    },
  };
}
