/** The npm package that this code is in: a checkout, or what was installed of it. */
import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { dirname } from "node:path";

/** @throws Error if it has no package.json */
export function ownPackage(): { readonly folder: string; readonly version: string } {
  const path = findPackageJSON(import.meta.url);
  if (path === undefined) throw new Error(`${import.meta.filename} is in no npm package`);
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { readonly version: string };
  return { folder: dirname(path), version };
}
