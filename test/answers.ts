/** What commands print with `--json`, compared with its schema. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Ajv } from "ajv";
import { createGenerator } from "ts-json-schema-generator";

import type { Answering } from "../infra/commands/answers.ts";

const root = join(import.meta.dirname, "..");

/** Where the schema is published. */
export const schemaFile = join(root, "infra/commands/answers.schema.json");

/**
 * Where a real answer of each command is compared with its schema: `unit` is test/unit/infra/answers.test.ts, `lab`
 * test/e2e/npm-package.test.ts. A new command has to be added here, and then there.
 */
interface Places {
  validate: "unit";
  review: "unit";
  explain: "unit";
  matrix: "unit";
  expiry: "unit";
  rotate: "unit";
  promote: "unit";
  status: "lab";
  who: "lab";
  history: "lab";
  revoke: "lab";
  block: "lab";
  unblock: "lab";
  rollback: "lab";
  "host-key": "lab";
}

/** The commands that are compared there. */
export type ComparedIn<Place extends "unit" | "lab"> = {
  [Name in Answering]: Places[Name] extends Place ? Name : never;
}[Answering];

/** The schema of all answers, from the types of infra/commands/answers.ts. */
export function schemaOfAnswers(): object {
  const generated = createGenerator({
    path: join(root, "infra/commands/answers.ts"),
    tsconfig: join(root, "tsconfig.json"),
    type: "AllAnswers",
    // Names are not unique: a row of the status and one of the matrix.
    expose: "none",
    topRef: false,
    skipTypeCheck: true,
    additionalProperties: true,
  }).createSchema("AllAnswers");
  return {
    $schema: generated.$schema,
    title: "What the commands of Protected Sites print with --json, by command",
    definitions: generated.properties,
  };
}

/** What is wrong with an answer by the published schema, members that it does not know included. */
export function problemsOf(command: Answering, answer: string): readonly string[] {
  // The schema itself allows more members: those of later versions.
  const schema: unknown = JSON.parse(readFileSync(schemaFile, "utf8"), (_, value: unknown) =>
    typeof value === "object" && value !== null && "properties" in value
      ? { ...value, additionalProperties: false }
      : value,
  );
  const formats = { "date-time": (text: string) => !Number.isNaN(Date.parse(text)) };
  const ajv = new Ajv({ allErrors: true, formats }).addSchema(schema as object, "answers");
  const validate = ajv.getSchema(`answers#/definitions/${command}`);
  if (validate === undefined) throw new Error(`the schema does not know "${command}"`);
  if (validate(JSON.parse(answer)) === true) return [];
  return (validate.errors ?? []).map(
    (it) => `${it.instancePath} ${it.message ?? ""} ${JSON.stringify(it.params)}`,
  );
}
