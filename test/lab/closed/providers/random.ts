/** Stand-in for @pulumi/random: RandomPassword. */
import { randomInt } from "node:crypto";

import { hash } from "bcryptjs";

import type { Properties, Provider, ResourceType } from "./provider.ts";

interface Rules {
  readonly length: number;
  readonly lower: boolean;
  readonly upper: boolean;
  readonly numeric: boolean;
  readonly number: boolean;
  readonly special: boolean;
  readonly overrideSpecial?: string;
  readonly minLower: number;
  readonly minUpper: number;
  readonly minNumeric: number;
  readonly minSpecial: number;
}

const randomPassword: ResourceType = {
  inputs: {
    length: { required: true, replaces: true },
    lower: { replaces: true, default: true },
    upper: { replaces: true, default: true },
    numeric: { replaces: true, default: true },
    number: { replaces: true, default: true },
    special: { replaces: true, default: true },
    overrideSpecial: { replaces: true },
    minLower: { replaces: true, default: 0 },
    minUpper: { replaces: true, default: 0 },
    minNumeric: { replaces: true, default: 0 },
    minSpecial: { replaces: true, default: 0 },
    keepers: { replaces: true },
  },
  // The real provider has its ID among the outputs, too: a preview of a replacement shows it.
  computed: ["id", "result", "bcryptHash"],
  secret: ["result", "bcryptHash"],
  create: async (inputs) => {
    const result = password({ ...defaults, ...inputs } as unknown as Rules);
    // bcrypt reads 72 bytes at most. The ID is in the clear in the state, so it says nothing.
    const bcryptHash = await hash(Buffer.from(result).subarray(0, 72).toString(), 10);
    return { id: "none", outputs: { id: "none", result, bcryptHash } };
  },
};

const defaults: Properties = Object.fromEntries(
  Object.entries(randomPassword.inputs).map(([property, input]) => [property, input.default]),
);

function password(rules: Rules): string {
  const kinds = [
    { use: rules.lower, least: rules.minLower, characters: "abcdefghijklmnopqrstuvwxyz" },
    { use: rules.upper, least: rules.minUpper, characters: "ABCDEFGHIJKLMNOPQRSTUVWXYZ" },
    { use: rules.numeric && rules.number, least: rules.minNumeric, characters: "0123456789" },
    {
      use: rules.special,
      least: rules.minSpecial,
      characters: rules.overrideSpecial ?? "!@#$%&*()-_=+[]{}<>:?",
    },
  ].filter(({ use }) => use);
  const all = kinds.map(({ characters }) => characters).join("");
  if (all === "") throw new Error("at least one of lower, upper, numeric and special must be true");
  const picked = kinds.flatMap(({ least, characters }) =>
    Array.from({ length: least }, () => pick(characters)),
  );
  if (picked.length > rules.length)
    throw new Error(`length must be at least the sum of the minima, ${picked.length}, got ${rules.length}`);
  while (picked.length < rules.length) picked.push(pick(all));
  for (let last = picked.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [picked[last], picked[other]] = [picked[other] ?? "", picked[last] ?? ""];
  }
  return picked.join("");
}

const pick = (characters: string) => characters.charAt(randomInt(characters.length));

/** The provider. */
export const provider: Provider = {
  resources: { "random:index/randomPassword:RandomPassword": randomPassword },
};
