/** Sites for tests: each test names only what it is about. */
import type { SiteSettings } from "../components/site/settings.ts";
import { siteFrom, type Site } from "../components/site/site.ts";

/** The tenant of tests and of the lab. */
export const tenantId = "5f0c0de0-1111-4222-8333-444455556666";

/** A small site, with what the test gives in place of the usual. */
export function site(given: Partial<SiteSettings> = {}, name = "wiki"): Site {
  return siteFrom(name, {
    domain: "wiki.example.com",
    port: 4181,
    upstream: "http://127.0.0.1:3001",
    emailDomains: ["example.com"],
    ...given,
  });
}

/** The site of the source design, with everything that it asks to be told to the backend. */
export const codeRefolUsSettings: SiteSettings = {
  domain: "code.refol.us",
  port: 4180,
  upstream: "http://127.0.0.1:3000",
  emailDomains: ["refol.us"],
  identityHeaders: ["user", "email", "preferredUsername", "groups", "accessToken", "idToken"],
};
export const codeRefolUs = siteFrom("code", codeRefolUsSettings);
