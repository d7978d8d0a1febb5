/** What `pulumi up` runs. */
import { deploy } from "./deploy.ts";

export const { urls, clientIds, internalCa } = await deploy();
