import { siteFrom } from "../site/site.ts";

/** A site that asks for nothing of its own: what it says, other sites may say alike. */
export const usualSite = siteFrom("usual", {
  domain: "usual.example.com",
  port: 4180,
  upstream: "http://127.0.0.1:8080",
  emailDomains: ["example.com"],
});
