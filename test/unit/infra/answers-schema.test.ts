/** The published schema of what commands print with `--json`. */
import { expect, test } from "vitest";

import { schemaFile, schemaOfAnswers } from "../../answers.ts";

test("the published schema is that of the types", async () => {
  await expect(`${JSON.stringify(schemaOfAnswers(), null, 2)}\n`).toMatchFileSnapshot(schemaFile);
});
