import { describe, expect, test } from "vitest";

import { expiryMessage } from "../../../infra/client-secret-expiry.ts";
import { firstEndDates, rotate, rotateDeployerKey, type Rotation } from "../../../infra/rotation.ts";
import { environmentOf, parseStackFile, readStackFile, stacks } from "../../../infra/stack-file.ts";
import { changedText } from "../../../infra/stack-file-change.ts";
import { site } from "../../sites.ts";

const now = new Date("2026-11-24T12:00:00Z");
const text = (secrets = "") => `# Ours.
config:
  protected-sites:tenantId: 5f0c0de0-1111-4222-8333-444455556666 # the tenant
  protected-sites:hosts:
    - name: edge-1
      address: 10.0.0.11
      hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}
  protected-sites:sites:
    wiki: # what we know
      domain: wiki.example.com
      port: 4180
      upstream: http://127.0.0.1:3000
      emailDomains: [example.com]
${secrets}    code:
      domain: code.example.com
      port: 4181
      upstream: http://127.0.0.1:3001
      emailDomains: [example.com]
`;
const secrets = (...lines: string[]) =>
  `      clientSecrets:\n${lines.map((line) => `        ${line}\n`).join("")}`;

function rotated(given: Partial<Rotation>, before = text()) {
  const file = parseStackFile("prod", before);
  const told = rotate(file, { days: 180, overlapDays: 7, now, ...given });
  return { told, after: changedText(file) };
}

describe("a client secret", () => {
  const first = text(secrets("- generation: 1 # the first", '  endDate: "2026-12-24"'));

  test("is added, and the previous one stays for the overlap; comments and order stay", () => {
    const { after, told } = rotated({ sites: ["wiki"] }, first);
    expect(after).toBe(
      text(
        secrets(
          "- generation: 1 # the first",
          '  endDate: "2026-12-24"',
          '  retireAfter: "2026-12-01"',
          "- generation: 2",
          '  endDate: "2027-05-23"',
        ),
      ),
    );
    expect(told).toEqual(['site "wiki": client secret 2, valid until 2027-05-23']);
  });

  test("is removed at once without an overlap", () => {
    const { after } = rotated({ sites: ["wiki.example.com"], overlapDays: 0 }, first);
    expect(after).toBe(text(secrets("- generation: 2", '  endDate: "2027-05-23"')));
  });

  test("is removed when its overlap is over, and not a day before", () => {
    const two = text(
      secrets("- generation: 1", '  retireAfter: "2026-11-25"', "- generation: 2", '  endDate: "2027-05-23"'),
    );
    expect(rotated({ sites: ["wiki"], dueWithin: 30 }, two).told).toEqual([]);
    const tomorrow = rotated({ sites: ["wiki"], dueWithin: 30, now: new Date("2026-11-25T00:00:00Z") }, two);
    expect(tomorrow.told).toEqual(['site "wiki": client secret 1 is removed from Entra']);
    expect(tomorrow.after).toBe(text(secrets("- generation: 2", '  endDate: "2027-05-23"')));
  });

  test("is unchanged if it is not due", () => {
    const { told } = rotated({ dueWithin: 30 }, text(secrets("- generation: 1", '  endDate: "2027-12-24"')));
    expect(told).toEqual(['site "code": client secret 2, valid until 2027-05-23']);
  });
});

test("the rotation of a cookie secret says who has to sign in again", () => {
  const { after, told } = rotated({ sites: ["wiki"], cookie: true });
  expect(after).toContain("cookieSecretGeneration: 2");
  expect(told.join()).toContain("everybody on wiki.example.com has to sign in again");
});

test("an unknown site is refused, with the known ones", () => {
  expect(() => rotated({ sites: ["wikki"] })).toThrow(
    'stacks/Pulumi.prod.yaml, site "wikki": no such site; expected one of wiki (wiki.example.com), code (code.example.com)',
  );
});

test("every rotation leaves a file that the program accepts", () => {
  let before = text();
  for (let round = 0; round < 5; round++)
    before = rotated({ now: new Date(now.getTime() + round * 30 * 86_400_000) }, before).after;
  const [wiki] = environmentOf(parseStackFile("prod", before)).sites;
  expect(wiki?.clientSecrets.at(-1)).toEqual({ generation: 6, endDate: "2027-09-20" });
  expect(wiki?.clientSecrets).toHaveLength(2);
});

describe("a preview", () => {
  const ending = (endDate: string) =>
    expiryMessage(site({ clientSecrets: [{ generation: 3, endDate }] }), now, 30);
  test("does not report a secret that is valid for longer", () => {
    expect(ending("2026-12-25")).toBeUndefined();
  });
  test("warns in time, with the command that fixes it", () => {
    expect(ending("2026-12-24")).toEqual({
      error: false,
      text: 'site "wiki": client secret 3 expires on 2026-12-24, in 29 days; run npm run rotate -- --stack <name> --site wiki.example.com',
    });
  });
  test("names the command that sets a missing end date, before the site's first update and after", () => {
    expect(expiryMessage(site({ clientSecrets: [{ generation: 1 }] }), now, 30)).toEqual({
      error: false,
      text: 'site "wiki": client secret 1 has no endDate, so there is no warning before it expires, and a tenant with a secret policy rejects it; run npm run rotate -- --stack <name> --site wiki.example.com, or, before the site\'s first update, npm run rotate -- --stack <name> --first',
    });
  });
  test("fails when a secret has ended", () => {
    expect(ending("2026-11-24")).toMatchObject({ error: true });
  });
});

test("a new deployer key is added to the old one; the second run removes the old one", () => {
  const file = parseStackFile("prod", text());
  expect(rotateDeployerKey(file)).toEqual([
    "deployer key 2, in addition to 1; once every host has it, run this again to remove 1",
  ]);
  const between = changedText(file);
  expect(between).toContain("deployerKeyGenerations: [1, 2]");
  const second = parseStackFile("prod", between);
  expect(rotateDeployerKey(second)).toEqual(["the deployer's keys before 2 are removed from every host"]);
  expect(changedText(second)).toContain("deployerKeyGenerations: [2]");
});

test("an overlap of 0 days keeps only the new client secret", () => {
  const before = text(secrets("- generation: 1", '  retireAfter: "2027-01-01"', "- generation: 2"));
  expect(rotated({ sites: ["wiki"], overlapDays: 0 }, before).after).not.toMatch(/generation: [12]\b/);
});

test("before the first update, a secret without a future end date gets one in place; one that has been rotated does not", () => {
  const first = (wiki: string) => {
    const file = parseStackFile("prod", text(secrets(wiki)));
    return { told: firstEndDates(file, now, 180), after: changedText(file) };
  };
  const wiki = 'site "wiki": client secret 1, valid until 2027-05-23';
  for (const before of ["- { generation: 1 }", '- { generation: 1, endDate: "2026-11-01" }']) {
    const { told, after } = first(before);
    expect(told).toContain(wiki);
    expect(after).toMatch(/- \{ ?generation: 1, endDate: "2027-05-23" ?\}/);
  }
  expect(first("- { generation: 2 }").told).not.toContain(wiki);
});

test("every example's sites have an end date, and the documented first set-up sets a future one", () => {
  const examples = stacks().filter((name) => name !== "local");
  expect(examples).toContain("example");
  for (const name of examples) {
    const file = readStackFile(name);
    const all = () => environmentOf(file).sites.map((it) => it.clientSecrets.map(({ endDate }) => endDate));
    expect(all().flat(), name).not.toContain(undefined);
    firstEndDates(file, new Date("2030-01-01T00:00:00Z"), 180);
    expect(new Set(all().flat()), name).toEqual(new Set(["2030-06-30"]));
  }
});

test("before the first update, secrets that have no end date get one, and the others keep theirs", () => {
  const file = parseStackFile("prod", text(secrets('- { generation: 1, endDate: "2026-12-24" }')));
  expect(firstEndDates(file, now, 180)).toEqual(['site "code": client secret 1, valid until 2027-05-23']);
  expect(changedText(file)).toContain(`emailDomains: [example.com]
      clientSecrets:
        - generation: 1
          endDate: "2027-05-23"
`);
  expect(firstEndDates(file, now, 180)).toEqual([]);
});
