#!/usr/bin/env node
/** `protected-sites`. Plain JavaScript without a package: a Node that cannot run the rest reads this. */
import process from "node:process";

if (process.features.typescript) {
  const { keepCompiled } = await import("../compile-cache.ts");
  keepCompiled();
  const { main } = await import("./protected-sites.ts");
  await main(process.argv.slice(2));
} else {
  console.error(
    `protected-sites needs Node 22.18 or newer; this is Node ${process.versions.node} (${process.execPath})`,
  );
  process.exitCode = 2;
}
