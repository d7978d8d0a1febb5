import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { rendering } from "../../../infra/review/rendering.ts";

const hostKey = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}`;
const text = `config:
  protected-sites:tenantId: contoso
  protected-sites:hosts:
    - name: edge-1
      address: 10.0.0.11
      hostKey: ${hostKey}
    - name: edge-2
      adress: 10.0.0.12
      hostKey: ${hostKey}
  protected-sites:sites:
    code: { domain: code.example.com, port: 4180, upstream: "http://127.0.0.1:3000", emailDomains: [example.com] }
    wiki:
      domain: wiki.example.com
      port: 80
      upstream: http://127.0.0.1:3001
      emailDomains:
        - example.com
        - "*"
`;

function problems(file: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), "stacks-"));
  try {
    writeFileSync(join(folder, "Pulumi.prod.yaml"), file);
    return rendering(folder, [])["prod"]?.problems.map(({ line, where }) => `${line} ${where}`) ?? [];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("every mistake has the line of its setting; a missing setting has the line of its parent", () => {
  expect(problems(text).sort()).toEqual(
    ["2 ", '7 host "edge-2"', '8 host "edge-2"', '14 site "wiki"', '18 site "wiki"'].sort(),
  );
});

test("invalid YAML has its line", () => {
  expect(problems("config:\n  a: [1\n  b: 2\n")[0]).toMatch(/^[23] line [23]$/);
});
