/** The lab that these tests run in. */
import { readPeople } from "../lab/people.ts";
import { thisLab } from "../lab/lab.ts";

export const lab = await thisLab();

/** Everybody of the tenant: ada may open both sites, bob only code, eve none. */
export const people = readPeople(lab.state);
