/** Every kind of fault that the lab can make; docs/faults.md says which it cannot. */
import { environmentFaults } from "./environment-faults.ts";
import type { Fault } from "./fault.ts";
import { lifecycleFaults } from "./lifecycle-faults.ts";
import { power, powerAndBoot } from "./power.ts";
import { stepFaults } from "./step-faults.ts";
import { updateFault } from "./update-faults.ts";

export const faults: readonly Fault[] = [
  ...stepFaults,
  power,
  powerAndBoot,
  ...environmentFaults,
  ...lifecycleFaults,
  updateFault,
].sort((a, b) => a.kind - b.kind);
