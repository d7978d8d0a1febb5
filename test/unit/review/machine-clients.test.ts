import { expect, test } from "vitest";

import { sharedNginx } from "../../../components/render/nginx/shared-nginx.ts";
import { siteFiles } from "../../../components/render/site-files.ts";
import { SiteReading } from "../../../infra/review/gate.ts";
import { siteTexts } from "../../../infra/review/site-texts.ts";
import { statementsOf, verdict } from "../../../infra/review/formats.ts";
import { sharedIncludes } from "../../shared-includes.ts";
import { site, tenantId } from "../../sites.ts";
import { reviewed, withWiki } from "./environments.ts";

const robot = "7e57ab1e-0000-4000-8000-0000000000a1";
const reader = { value: "reader", users: ["ada@example.com"] };
const withRole = (role: object) => withWiki({ allowedGroups: [], roles: [role] });

test("an application that may use a token widens access", () => {
  const review = reviewed(withRole({ ...reader, applications: [robot] }), withRole(reader));
  expect(verdict(review)).toContain("ACCESS WIDENS on wiki");
  expect(review.sites.flatMap(statementsOf)).toContainEqual({
    effect: "opens",
    field: "roles",
    text: `application ${robot}, with a bearer token instead of signing in, has the role reader`,
  });
});

test("tokens without a required role do not pass in the review", () => {
  const files = siteFiles(site({ roles: [{ ...reader, applications: [robot] }] }), {
    tenantId,
    allowVulnerableOauth2Proxy: false,
  });
  const reading = (change: (cfg: string) => string) => {
    const texts = siteTexts("wiki.example.com", tenantId, files);
    if (texts === undefined) throw new Error("no files");
    return new SiteReading({
      ...texts,
      included: sharedIncludes("wiki.example.com"),
      oauth2Proxy: change(texts.oauth2Proxy),
      shared: sharedNginx(),
    });
  };
  expect(() => reading((cfg) => cfg)).not.toThrow();
  for (const without of [/^oidc_groups_claim.*$/m, /^allowed_groups.*$/m])
    expect(() => reading((cfg) => cfg.replace(without, ""))).toThrow(
      /skip_jwt_bearer_tokens requires allowed_groups with roles/,
    );
  expect(() => reading((cfg) => `${cfg}extra_jwt_issuers = ["https://example.com=x"]\n`)).toThrow(
    /extra_jwt_issuers must not be set/,
  );
});
