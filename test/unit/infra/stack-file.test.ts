import { expect, test } from "vitest";
import { stringify } from "yaml";

import { environmentOf, parseStackFile } from "../../../infra/stack-file.ts";
import { settings } from "../review/environments.ts";

const fileOf = (given: object) =>
  stringify({
    config: Object.fromEntries(
      Object.entries({ ...settings(), ...given }).map(([key, value]) => [`protected-sites:${key}`, value]),
    ),
  });

test("a day without quotes is refused, since the engine reads a moment in time", () => {
  const text = fileOf({}).replace("domain: wiki.example.com", "clientSecrets: [{ endDate: 2027-11-01 }]");
  const line = text.split("\n").findIndex((it) => it.includes("endDate")) + 1;
  expect(() => parseStackFile("prod", text)).toThrow(
    `stacks/Pulumi.prod.yaml, line ${line}: a day must be in quotes, "2027-11-01", got 2027-11-01`,
  );
});

test("what is encrypted is left out", () => {
  const secure = { secure: "v1:AAAA" };
  const text = fileOf({
    adminPrivateKey: secure,
    redisPassword: secure,
    adoptedCookieSecrets: { wiki: secure },
  });
  expect(environmentOf(parseStackFile("prod", text)).sites.map(({ name }) => name)).toEqual(["code", "wiki"]);
});

test.each([
  { redisPassword: "hunter2" },
  { adoptedCookieSecrets: { wiki: { secure: "v1:A" }, code: "hunter2" } },
])("a secret that everybody can read is refused, and not told: %o", (given) => {
  const refused = `stacks/Pulumi.prod.yaml: ${Object.keys(given)[0] ?? ""} can be read by everybody who has this file`;
  const file = parseStackFile("prod", fileOf(given));
  expect(() => environmentOf(file)).toThrow(refused);
  expect(() => environmentOf(file)).not.toThrow("hunter2");
});
