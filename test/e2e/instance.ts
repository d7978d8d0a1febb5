/** The lab that these tests run in. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Person } from "../lab/browser.ts";
import { thisLab } from "../lab/lab.ts";

export const lab = await thisLab();

/** Everybody of the tenant: ada may open both sites, bob only code, eve none. */
export const people = JSON.parse(readFileSync(join(lab.state, "users.json"), "utf8")) as Readonly<
  Record<"ada" | "bob" | "eve", Person>
>;
