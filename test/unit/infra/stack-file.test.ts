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
    `stacks/Pulumi.prod.yaml, line ${line}: a date must be in quotes, "2027-11-01", got 2027-11-01`,
  );
});

test.each([
  [
    "a leading zero, octal to the engine",
    "port: 010124",
    "a number must be in plain digits like 4180, and a string in quotes, got 010124",
  ],
  [
    "a digit separator, which the engine skips",
    "port: 4_180",
    "plain digits like 4180, and a string in quotes, got 4_180",
  ],
  [
    "a binary number",
    "port: 0b1000001010100",
    "plain digits like 4180, and a string in quotes, got 0b1000001010100",
  ],
  ["a moment in time", "maintenance: 2027-11-01 10:00:00", 'a date must be in quotes, "2027-11-01 10:00:00"'],
  [
    "a line break at its start, which the engine loses",
    'maintenance: "\\nsoon"',
    "must not begin with a line break",
  ],
  ["a number that is none to the engine", "port: .inf", "a number must be in plain digits"],
  ["a number that only one of them can hold", "port: 9e999", "a number must be in plain digits"],
  ["a merge key", "<<: { port: 4180 }", 'only the engine supports "<<"'],
  ["a tag", "port: !!int 4180", "remove tag:yaml.org,2002:int"],
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

test.each([
  ["protected-site:sites", '"protected-site:sites" must be "protected-sites:sites"'],
  ["protectedsites:hosts", '"protectedsites:hosts" must be "protected-sites:hosts"'],
  ["protected-sites.sites", '"protected-sites.sites" must be "protected-sites:sites"'],
])("a key of a program that there is none of is refused: %s", (key, said) => {
  expect(() => parseStackFile("prod", `config:\n  azuread:tenantId: x\n  ${key}: {}\n`)).toThrow(
    `stacks/Pulumi.prod.yaml, line 3: ${said}`,
  );
});

test("settings of the engine and of its providers are accepted as well", () => {
  const text = `secretsprovider: passphrase\nencryptionsalt: v1:x\n${fileOf({})}  azuread:environment: public\n  pulumi:tags: {}\n`;
  expect(() => parseStackFile("prod", text)).not.toThrow();
  expect(() => parseStackFile("prod", text.replace("config:", "confg:"))).toThrow(
    'line 3: "confg" is not a known key; did you mean "config"?',
  );
});

test.each([
  [
    "another environment",
    "  a: 1\n---\nconfig: {}",
    3,
    'a file describes one environment, but "---" begins another',
  ],
  ["a key twice", "  tls:a: 1\n  tls:a: 2", 3, '"tls:a" is a duplicate key'],
  ["a tab", "\ta: 1", 2, "lines must be indented with spaces, got a tab"],
  [
    "a key too far in",
    "  a: 1\n   b: 2",
    2,
    "a key must be on a line of its own, indented like its siblings",
  ],
  ["a colon in a text", "  a: wiki: the old one", 2, 'a string that contains ": " in quotes'],
  ["a quote that does not end", '  a: "b', 3, "a bracket, quote or comma is missing"],
  ["a list that does not end", "  a: [1, 2\n  b: 2", 3, "a bracket, quote or comma is missing"],
  ["a bracket too many", "  a: {b: 1}}", 2, "is missing or superfluous"],
  ["a quote within quotes", "  a: 'it's'", 2, "is missing or superfluous"],
  ["a text with a sign of YAML's", "  a: @wiki", 2, 'a string that begins with "@" must be in quotes'],
  ["another one", "  a: %x", 2, 'a string that begins with "%" must be in quotes'],
  [
    "a backslash",
    '  a: "C:\\q"',
    2,
    'a "\\" within double quotes must be doubled, or the quotes single, got \\q',
  ],
  ["a key without a value", "  a: 1\n  b", 3, 'a key must be followed by ":" and a space, got b'],
  ["an alias of nothing", "  a: *x", 2, '"*x" has no "&x" before it'],
  ["two anchors", "  a: &x &y 1", 2, "misplaced anchor or tag"],
  ["a list for a key", "  ? [a, b]\n  : 1", 2, "a key must be a string"],
])("what is no YAML is told in words of ours: %s", (_, body, line, said) => {
  const told = (() => {
    try {
      environmentOf(parseStackFile("prod", `config:\n${body}\n`));
    } catch (error) {
      return String(error);
    }
    return "";
  })();
  expect(told).toContain(`stacks/Pulumi.prod.yaml, line ${line}: `);
  expect(told).toContain(said);
  expect(told).not.toMatch(/YAML\.|token|scalar|mapping|implicit|flow|compact/i);
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
  const refused = `stacks/Pulumi.prod.yaml: ${Object.keys(given)[0] ?? ""} is readable by everybody who has this file`;
  const file = parseStackFile("prod", fileOf(given));
  expect(() => environmentOf(file)).toThrow(refused);
  expect(() => environmentOf(file)).not.toThrow("hunter2");
});
