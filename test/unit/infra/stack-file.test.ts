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

test.each([
  [
    "a leading zero, octal to the engine",
    "port: 010124",
    "a number must be in plain digits like 4180, and a text in quotes, got 010124",
  ],
  [
    "a digit separator, which the engine skips",
    "port: 4_180",
    "plain digits like 4180, and a text in quotes, got 4_180",
  ],
  [
    "a binary number",
    "port: 0b1000001010100",
    "plain digits like 4180, and a text in quotes, got 0b1000001010100",
  ],
  ["a moment in time", "maintenance: 2027-11-01 10:00:00", 'a day must be in quotes, "2027-11-01 10:00:00"'],
  ["a merge key", "<<: { port: 4180 }", '"<<" is read by the engine alone'],
  ["a tag", "port: !!int 4180", "leave tag:yaml.org,2002:int out"],
])("what the engine reads otherwise is refused: %s", (_, line, said) => {
  const text = `config:\n  protected-sites:sites:\n    wiki:\n      ${line}\n`;
  expect(() => parseStackFile("prod", text)).toThrow(/^stacks\/Pulumi.prod.yaml, line 4: /);
  expect(() => parseStackFile("prod", text)).toThrow(said);
});

test.each([
  "port: 4180",
  'port: "010"',
  "port: 0x1054",
  "version: 7.15.5",
  "secure: v1:0_1",
  "a: 0.5",
  "a: 0",
])("what both read alike is taken: %s", (line) => {
  expect(() =>
    parseStackFile("prod", `config:\n  protected-sites:sites:\n    wiki:\n      ${line}\n`),
  ).not.toThrow();
});

test.each([
  ["sites", "protected-sites:sites"],
  ["siteDefaults", "protected-sites:siteDefaults"],
  ["protected-sites:config:sites", "protected-sites:sites"],
])("a key that the engine takes for ours and nobody else sees is refused: %s", (key, right) => {
  expect(() => parseStackFile("prod", `config:\n  azuread:tenantId: x\n  ${key}: {}\n`)).toThrow(
    `stacks/Pulumi.prod.yaml, line 3: "${key}" must be "${right}"`,
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
