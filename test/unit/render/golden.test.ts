import { describe, expect, test } from "vitest";

import { sharedNginx } from "../../../components/render/shared-nginx.ts";
import { siteFiles } from "../../../components/render/site-files.ts";
import { codeRefolUs, site, tenantId } from "../../sites.ts";

const sites = {
  "code.refol.us": codeRefolUs,
  "wiki.example.com": site({
    upstream: "https://wiki.internal.example.com",
    allowedGroups: ["7e57ab1e-0000-4000-8000-000000000001"],
  }),
};

describe.each(Object.entries(sites))("%s, as its hosts see it", (domain, golden) => {
  for (const { name, text } of siteFiles(golden, { tenantId, allowVulnerableOauth2Proxy: false })) {
    test(name, async () => {
      await expect(text).toMatchFileSnapshot(`../../golden/${domain}/${name}`);
    });
  }
});

test("what all sites of a host share in Nginx", async () => {
  await expect(sharedNginx()).toMatchFileSnapshot("../../golden/protected-sites.conf");
});
