/** Delta queries of users, as the emulated Graph answers them. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { leastPermissions } from "../../lab/entra/permissions.ts";
import { type Answer, Trial } from "../../lab/entra/trial.ts";

let entra: Trial;
const first = "/v1.0/users/delta?$select=userPrincipalName,accountEnabled";

beforeAll(async () => {
  entra = await Trial.start();
});
afterAll(() => entra.close());
beforeEach(async () => {
  await entra.control.reset();
  await entra.control.setPermissions(["User.Read.All"]);
});

const ask = (path: string) => entra.graph("GET", path);
const codeOf = ({ body }: Answer) => (body["error"] as { readonly code?: string } | undefined)?.code;
const items = ({ body }: Answer) => body["value"] as Readonly<Record<string, unknown>>[];
const link = ({ body }: Answer, name: "nextLink" | "deltaLink") => {
  const url = body[`@odata.${name}`] as string | undefined;
  return url?.replace("https://graph.microsoft.com", "") ?? "";
};

/** All pages from a link on. @returns what they hold, and the link for what changes afterwards */
async function round(path: string) {
  const found = [];
  let answer = await ask(path);
  found.push(...items(answer));
  while (link(answer, "nextLink") !== "") {
    answer = await ask(link(answer, "nextLink"));
    found.push(...items(answer));
  }
  return { found, deltaLink: link(answer, "deltaLink") };
}

test("User.Read.All is enough for one, and the deployer's own permissions are not", async () => {
  expect((await ask(first)).status).toBe(200);
  await entra.control.setPermissions(leastPermissions);
  expect(codeOf(await ask(first))).toBe("Authorization_RequestDenied");
});

test("everybody comes at first, on several pages, with what is selected and the object ID", async () => {
  await entra.control.behave({ usersDelta: { pageSize: 4, tokens: "known", tracksSessions: true } });
  const page = await ask(first);
  expect(items(page)).toHaveLength(4);
  expect(link(page, "deltaLink")).toBe("");
  const { found } = await round(first);
  expect(found).toHaveLength(6);
  expect(found[0]).toEqual({
    id: "0fee1000-0000-4000-8000-000000000001",
    userPrincipalName: "ada@lab.test",
    accountEnabled: true,
  });
});

test("afterwards only who has changed comes, and of who is deleted only the object ID", async () => {
  const { deltaLink } = await round(first);
  expect((await round(deltaLink)).found).toEqual([]);
  await entra.control.setEnabled("bob", false);
  await entra.control.deleteUser("ada");
  // Not selected, so not tracked.
  await entra.control.revokeSessions("grace");
  const later = await round(deltaLink);
  expect(later.found).toEqual([
    {
      id: "0fee1000-0000-4000-8000-000000000002",
      userPrincipalName: "bob@lab.test",
      accountEnabled: false,
    },
    { id: "0fee1000-0000-4000-8000-000000000001", "@removed": { reason: "changed" } },
  ]);
  await entra.control.restoreUser("ada");
  expect((await round(later.deltaLink)).found).toMatchObject([{ userPrincipalName: "ada@lab.test" }]);
});

test("of a tenant that has moved no token is known, and it says where to begin; one that is too old is no good", async () => {
  const { deltaLink } = await round(first);
  await entra.control.behave({ usersDelta: { pageSize: 100, tokens: "gone", tracksSessions: true } });
  const gone = await ask(deltaLink);
  expect(gone.status).toBe(410);
  expect(gone.headers["location"]).toBe("https://graph.microsoft.com/v1.0/users/delta?$deltatoken=");
  await entra.control.behave({ usersDelta: { pageSize: 100, tokens: "expired", tracksSessions: true } });
  const expired = await ask(deltaLink);
  expect([expired.status, codeOf(expired)]).toEqual([400, "syncStateNotFound"]);
});

test("the token for what changes from now on comes without anybody", async () => {
  const { found, deltaLink } = await round(`${first}&$deltatoken=latest`);
  expect(found).toEqual([]);
  await entra.control.setEnabled("bob", false);
  expect((await round(deltaLink)).found).toHaveLength(1);
});

test.each(["$top=5", "$orderby=displayName", "$select=signInActivity"])("%s is refused", async (query) => {
  expect((await ask(`/v1.0/users/delta?${query}`)).status).toBe(400);
});

test("a deleted user neither signs in nor renews", async () => {
  await entra.control.setPermissions(leastPermissions);
  const site = await entra.register();
  const answered = await entra.signIn(site, "ada");
  const { body } = await entra.redeem(site, answered.get("code"));
  expect((await entra.refresh(site, body["refresh_token"])).status).toBe(200);
  await entra.control.deleteUser("ada");
  expect((await entra.refresh(site, body["refresh_token"])).status).toBe(400);
  expect((await entra.signIn(site, "ada")).has("code")).toBe(false);
});
