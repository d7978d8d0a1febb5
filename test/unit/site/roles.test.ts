import { describe, expect, test } from "vitest";

import { siteFrom } from "../../../components/site/site.ts";
import { site } from "../../sites.ts";

const group = "7e57ab1e-0000-4000-8000-000000000001";
const reader = { value: "reader", groups: ["Wiki readers"] };
const withoutDomains = {
  domain: "wiki.example.com",
  port: 4181,
  upstream: "http://127.0.0.1:3001",
};

test("on a site with roles, backends get the roles instead of groups", () => {
  expect(site({ roles: [reader] }).identityHeaders).toEqual(["user", "email", "preferredUsername", "roles"]);
  expect(site().identityHeaders).toEqual(["user", "email", "preferredUsername", "groups"]);
});

test("with guests: true, guests enter with a role, and no e-mail domain is required", () => {
  expect(siteFrom("wiki", { ...withoutDomains, guests: true, roles: [reader] })).toMatchObject({
    emailDomains: [],
    guests: true,
  });
});

describe("refused", () => {
  test.each([
    [
      "no gate at all",
      {},
      "emailDomains is missing; set your tenant's domains to keep out guests from other organisations",
    ],
    [
      "guests, and no gate",
      { guests: true },
      "nothing says who may enter; set emailDomains, roles or allowedGroups",
    ],
    ["roles, but guests unsaid", { roles: [reader] }, "emailDomains is missing"],
  ])("%s", (_, given, sentence) => {
    expect(() => siteFrom("wiki", { ...withoutDomains, ...given })).toThrow(sentence);
  });

  test.each([
    ["a role for nobody", { roles: [{ value: "reader" }] }, 'roles.0 "reader" is assigned to nobody'],
    [
      "more groups than a token names",
      {
        allowedGroups: Array.from(
          { length: 201 },
          (_, index) => `7e57ab1e-0000-4000-9000-${String(index).padStart(12, "0")}`,
        ),
      },
      "allowedGroups and paths name 201 groups; for members of more than 200 of them Entra lists none",
    ],
    [
      "a program by its name",
      { roles: [{ value: "reader", applications: ["build server"] }] },
      'roles.0.applications.0 must be an object ID like "7e57ab1e-0000-4000-8000-000000000001", got "build server"',
    ],
    ["a role twice", { roles: [reader, reader] }, 'roles.1.value "reader" is a duplicate'],
    [
      "roles and groups",
      { roles: [reader], allowedGroups: [group] },
      "allowedGroups and roles are mutually exclusive",
    ],
    [
      "a path that asks for an unknown role",
      { roles: [reader], paths: [{ path: "/a", allowedRoles: ["raeder"] }] },
      'paths.0.allowedRoles names "raeder", which is not one of the site\'s roles',
    ],
    [
      "a path that asks for groups on a site with roles",
      { roles: [reader], paths: [{ path: "/a", allowedGroups: [group] }] },
      "paths.0.allowedGroups cannot be checked on a site with roles",
    ],
    [
      "a path that asks for roles on a site without",
      { paths: [{ path: "/a", allowedRoles: ["reader"] }] },
      "paths.0.allowedRoles requires roles on the site",
    ],
    [
      "groups told on a site with roles",
      { roles: [reader], identityHeaders: ["groups"] },
      "identityHeaders cannot include groups on a site with roles; use roles",
    ],
    [
      "roles told on a site without",
      { identityHeaders: ["roles"] },
      "identityHeaders can include roles only on a site with roles",
    ],
    [
      "a role that a list would cut",
      { roles: [{ ...reader, value: "reader,admin" }] },
      'roles.0.value must be the name of a role like "reader", got "reader,admin"',
    ],
    [
      "a token for an API that nobody gets",
      { accessTokenScope: "api://7e57ab1e-0000-4000-8000-00000000000a/read" },
      "accessTokenScope has no effect without accessToken; add it to identityHeaders",
    ],
    [
      "an API that Entra would have to be asked about",
      { accessTokenScope: "api://wiki/read", identityHeaders: ["accessToken"] },
      "accessTokenScope must be an API's client ID and its scope like \"api://",
    ],
    [
      "a misspelt key",
      { roles: [{ ...reader, usres: [] }] },
      '"roles.0.usres" is not a known key; did you mean "users"?',
    ],
  ])("%s", (_, given, sentence) => {
    expect(() => site(given)).toThrow(sentence);
  });
});
