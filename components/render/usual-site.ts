import { siteFrom } from "../site/site.ts";

/** A site with default settings only: the text that sites can share is rendered from it. */
export const usualSite = siteFrom("usual", {
  domain: "usual.example.com",
  port: 4180,
  upstream: "http://127.0.0.1:8080",
  emailDomains: ["example.com"],
});
