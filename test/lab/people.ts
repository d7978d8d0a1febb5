/** The people of the lab whom everybody meets; the emulator's directory has more, for special cases. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Person } from "./browser.ts";

const notes = {
  ada: "member, in the group wiki-readers: may open every site",
  bob: "member, not in the group: may open code, not wiki",
  eve: "guest of another e-mail domain: may open nothing",
} as const;

/** Who signs in how, and what they may open. @param state the instance's state directory */
export function readPeople(state: string): Record<keyof typeof notes, Person & { readonly note: string }> {
  const users = JSON.parse(readFileSync(join(state, "users.json"), "utf8")) as Record<
    keyof typeof notes,
    Person
  >;
  const { ada, bob, eve } = users;
  return {
    ada: { ...ada, note: notes.ada },
    bob: { ...bob, note: notes.bob },
    eve: { ...eve, note: notes.eve },
  };
}
