import { expect, test } from "vitest";

import { cookieSecretProblems } from "../../../infra/adopted-cookie-secrets.ts";

const whole = "A".repeat(43);
const problems = (given: unknown) => cookieSecretProblems(given, ["wiki", "code"]).map(({ what }) => what);

test("cookie secrets in every format that oauth2-proxy accepts are adopted", () => {
  for (const secret of ["0123456789abcdef", whole, `${whole}=`, "0123456789abcdef+/23456789abcdef"])
    expect(problems({ wiki: secret }), secret).toEqual([]);
});

test("the same secret for two sites is refused in every encoding, and not printed", () => {
  for (const other of [whole, `${whole}=`]) {
    const found = problems({ wiki: whole, code: other });
    expect(found).toEqual([
      'sites "wiki" and "code" have the same secret, so each would accept the other\'s sessions; adopt only one of them',
    ]);
    expect(found.join()).not.toContain(whole);
  }
});

test("a secret of an invalid length, and one of an unknown site, are refused", () => {
  const wrong = [
    'the secret of site "wiki" must be 16, 24 or 32 bytes, raw or in base64url, as for oauth2-proxy',
  ];
  for (const secret of ["short", `${"+".repeat(43)}=`, "0123456789abcdef ", 7])
    expect(problems({ wiki: secret })).toEqual(wrong);
  expect(problems({ docs: whole })).toEqual(['there is no site "docs"; there are wiki, code']);
});
