import fc from "fast-check";
import { expect, test } from "vitest";

import { domain, siteDomain } from "../../../components/site/checks.ts";
import { cookieName as nameOf, registeredUrls, signOutPath } from "../../../components/site/names.ts";
import { site, tenantId } from "../../sites.ts";

const domains = fc.domain().filter((name) => domain.safeParse(name).success);

const cookieName = (domain: string) => nameOf({ domain, sessionStore: "redis" });

test("no two sites that may share a Redis have the same cookie name, by which it knows their sessions", () => {
  fc.assert(
    fc.property(domains, domains, (one, other) => {
      expect(cookieName(one)).toMatch(/^__Host-[a-z0-9_]+$/);
      expect(cookieName(one) === cookieName(other)).toBe(one === other);
    }),
  );
  expect(cookieName("a-b.example.com")).not.toBe(cookieName("a.b.example.com"));
});

test("the sign-out ends the session at Entra too, and comes back to the site", () => {
  const atSite = new URL(signOutPath(site(), tenantId), "https://wiki.example.com");
  const atEntra = new URL(atSite.searchParams.get("rd") ?? "");
  expect(atEntra.href).toMatch(`https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/logout`);
  expect(atEntra.searchParams.get("post_logout_redirect_uri")).toBe(
    "https://wiki.example.com/oauth2/signed-out",
  );
});

test("a site whose sign-in moves is known to Entra under both prefixes, so that every host can sign people in", () => {
  const at = (prefix: string) => [`${prefix}/callback`, `${prefix}/signed-out`];
  const registered = (proxyPrefix: string, formerProxyPrefixes?: string[]) =>
    registeredUrls(site({ proxyPrefix, ...(formerProxyPrefixes && { formerProxyPrefixes }) })).map((it) =>
      it.replace("https://wiki.example.com", ""),
    );
  expect(registered("/oauth2")).toEqual(at("/oauth2"));
  expect(registered("/_sign-in")).toEqual([...at("/_sign-in"), ...at("/oauth2")]);
  expect(registered("/_sign-in", [])).toEqual(at("/_sign-in"));
  expect(registered("/b", ["/a", "/b"])).toEqual([...at("/b"), ...at("/a")]);
  expect(registered("/oauth2", ["/a"])).toEqual([...at("/oauth2"), ...at("/a")]);
});

test("a domain that is too long for systemd's private folder is refused, with the limit", () => {
  const long = `${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(51)}.test`;
  expect(siteDomain.safeParse(long).success).toBe(true);
  expect(siteDomain.safeParse(`a${long}`).error?.issues[0]?.message).toMatch(
    /^must have at most 178 characters, .* got 179$/,
  );
});
