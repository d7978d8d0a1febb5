/** What `pulumi up` runs. Plain JavaScript: a Node that cannot read the rest of the program reads this. */
import process from "node:process";

import { RunError } from "@pulumi/pulumi/errors.js";

if (!process.features.typescript)
  throw new RunError(
    `Protected Sites needs Node 22.18 or newer on the PATH of \`pulumi\`, since it is TypeScript that Node itself reads; this is Node ${process.versions.node} (${process.execPath}). The one that \`npm ci\` has installed will do: PATH="$PWD/node_modules/.bin:$PATH" pulumi preview`,
  );

const { keepCompiled } = await import("./compile-cache.ts");
keepCompiled();
const { deploy } = await import("./deploy.ts");

// A default export and no named ones: those without a value would be reported in every run.
export default await deploy();
