/** What a person meets at the emulated Entra. */
import { createHash } from "node:crypto";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { tenantId, wikiReaders } from "../../lab/entra/directory.ts";
import {
  callback,
  claimsOf,
  codeOn,
  parametersOf,
  Trial,
  type TrialApplication,
  usualScope,
} from "../../lab/entra/trial.ts";

let entra: Trial;
let site: TrialApplication;

beforeAll(async () => {
  entra = await Trial.start();
  site = await entra.register();
});
afterAll(() => entra.close());
beforeEach(() => entra.control.reset());

const submitted = (answer: URLSearchParams) => Object.fromEntries(answer);

test("name and password lead back to the application with a code, its state and no issuer", async () => {
  const answer = await entra.signIn(site, "ada");
  expect(submitted(answer)).toEqual({
    code: expect.any(String) as string,
    state: "state-1",
    session_state: expect.any(String) as string,
  });
});

test("each page of the sign-in is one form with one submit button, and needs no script", async () => {
  const visitor = entra.visitor();
  const name = await visitor.open(entra.authorizeUrl(site.clientId));
  const password = await visitor.submit(name, { loginfmt: "ada@lab.test" });
  for (const { body } of [name, password]) {
    expect(body.match(/<form/g)).toHaveLength(1);
    expect(body.match(/type="submit"/g)).toHaveLength(1);
    expect(body).not.toContain("<script");
  }
  expect(name.body).toContain('name="loginfmt"');
  expect(password.body).toContain('name="passwd"');
  expect(new URL(password.url).hostname).toBe("login.microsoftonline.com");
});

test.each([
  ["nobody@lab.test", "x", 50034],
  ["ada@lab.test", "wrong", 50126],
])("%s with the password %s is told AADSTS%d and can try again", async (name, password, code) => {
  const visitor = entra.visitor();
  const page = await visitor.open(entra.authorizeUrl(site.clientId));
  const refused = await visitor.submit(page, { loginfmt: name, passwd: password });
  expect(codeOn(refused)).toBe(code);
  const again = await visitor.submit(refused, {
    loginfmt: "ada@lab.test",
    passwd: entra.users.ada.password,
  });
  expect(parametersOf(again).get("code")).not.toBeNull();
});

test("a disabled account gets no session", async () => {
  const visitor = entra.visitor();
  const page = await visitor.open(entra.authorizeUrl(site.clientId));
  expect(codeOn(await visitor.signIn(page, entra.users.mallory))).toBe(50057);
  const silent = await visitor.open(entra.authorizeUrl(site.clientId, { prompt: "none" }));
  expect(parametersOf(silent).get("error")).toBe("login_required");
});

describe("a request that Entra does not take", () => {
  test.each([
    ["an application that is not there", { client_id: "00000000-0000-4000-8000-000000000000" }, 700016],
    [
      "a redirect URI that differs in case",
      { redirect_uri: callback.replace("callback", "Callback") },
      50011,
    ],
    ["a redirect URI with a slash more", { redirect_uri: `${callback}/` }, 50011],
    ["the scope groups", { scope: "openid groups" }, 650053],
    ["no scope", { scope: undefined }, 900144],
  ])("for %s stays on Entra's page", async (_, changes: Record<string, string | undefined>, code) => {
    const page = await entra.visitor().open(entra.authorizeUrl(site.clientId, changes));
    expect(new URL(page.url).hostname).toBe("login.microsoftonline.com");
    expect(codeOn(page)).toBe(code);
  });

  test("for a token where only codes are allowed goes back to the application", async () => {
    const page = await entra.visitor().open(entra.authorizeUrl(site.clientId, { response_type: "id_token" }));
    const { error, error_description: text, state } = submitted(parametersOf(page));
    expect(error).toBe("unsupported_response_type");
    expect(text).toMatch(/^AADSTS700054: /);
    expect(state).toBe("state-1");
  });
});

describe("with a session", () => {
  test("nobody has to sign in again, not even for another application", async () => {
    const visitor = entra.visitor();
    const other = await entra.register();
    await entra.signIn(site, "ada", {}, visitor);
    const page = await visitor.open(entra.authorizeUrl(other.clientId));
    expect(parametersOf(page).get("code")).not.toBeNull();
  });

  test("prompt=login asks again, and another user may sign in", async () => {
    const visitor = entra.visitor();
    await entra.signIn(site, "ada", {}, visitor);
    const answer = await entra.signIn(site, "bob", { prompt: "login" }, visitor);
    const { body } = await entra.redeem(site, answer.get("code"));
    expect(JSON.stringify(body)).toContain("id_token");
    const silent = parametersOf(await visitor.open(entra.authorizeUrl(site.clientId, { prompt: "none" })));
    expect(silent.get("code")).not.toBeNull();
  });

  test("prompt=select_account shows the signed-in user, and allows another one", async () => {
    const visitor = entra.visitor();
    await entra.signIn(site, "ada", {}, visitor);
    const pick = await visitor.open(entra.authorizeUrl(site.clientId, { prompt: "select_account" }));
    expect(pick.body).toContain("ada@lab.test");
    const other = await visitor.open(`${pick.url}?other=1`);
    expect(parametersOf(await visitor.signIn(other, entra.users.bob)).get("code")).not.toBeNull();

    const again = await visitor.open(entra.authorizeUrl(site.clientId, { prompt: "select_account" }));
    expect(again.body).toContain("bob@lab.test");
    const taken = await visitor.submit(again, { account: "this" });
    expect(parametersOf(taken).get("code")).not.toBeNull();
  });

  test("a login_hint skips the question for the user name, and another one asks for that user", async () => {
    const visitor = entra.visitor();
    const hinted = await visitor.open(entra.authorizeUrl(site.clientId, { login_hint: "ada@lab.test" }));
    expect(hinted.body).toContain('name="passwd"');
    await visitor.submit(hinted, { passwd: entra.users.ada.password });
    const same = await visitor.open(entra.authorizeUrl(site.clientId, { login_hint: "ada@lab.test" }));
    expect(parametersOf(same).get("code")).not.toBeNull();
    const other = await visitor.open(entra.authorizeUrl(site.clientId, { login_hint: "bob@lab.test" }));
    const done = await visitor.submit(other, { passwd: entra.users.bob.password });
    const { body } = await entra.redeem(site, parametersOf(done).get("code"));
    expect(claimsOf(body["id_token"])["preferred_username"]).toBe("bob@lab.test");
  });

  test("max_age=0 asks again", async () => {
    const visitor = entra.visitor();
    await entra.signIn(site, "ada", {}, visitor);
    const page = await visitor.open(entra.authorizeUrl(site.clientId, { max_age: "0" }));
    expect(page.body).toContain('name="loginfmt"');
  });

  test("a sign-out ends it and redirects to a registered URI", async () => {
    const visitor = entra.visitor();
    await entra.signIn(site, "ada", {}, visitor);
    const target = "https://app.lab.test/signed-out";
    const page = await visitor.open(
      `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/logout?post_logout_redirect_uri=${encodeURIComponent(target)}`,
    );
    expect(page.url).toBe(target);
    const silent = await visitor.open(entra.authorizeUrl(site.clientId, { prompt: "none" }));
    expect(parametersOf(silent).get("error")).toBe("login_required");
  });

  test("a sign-out redirects nowhere else", async () => {
    const page = await entra
      .visitor()
      .open(
        `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/logout?post_logout_redirect_uri=https://evil.test/`,
      );
    expect(page.status).toBe(200);
    expect(page.body).toContain("You signed out");
  });
});

describe("other ways to answer", () => {
  test("the fragment contains a code and an ID token with the code's hash", async () => {
    const implicit = await entra.register({
      application: {
        web: { redirectUris: [callback], implicitGrantSettings: { enableIdTokenIssuance: true } },
      },
    });
    const visitor = entra.visitor();
    const url = entra.authorizeUrl(implicit.clientId, { response_type: "code id_token" });
    const page = await visitor.signIn(await visitor.open(url), entra.users.ada);
    expect(new URL(page.url).search).toBe("");
    const answer = parametersOf(page);
    const half = createHash("sha256")
      .update(answer.get("code") ?? "")
      .digest()
      .subarray(0, 16);
    expect(claimsOf(answer.get("id_token"))).toMatchObject({
      aud: implicit.clientId,
      nonce: "nonce-1",
      preferred_username: "ada@lab.test",
      c_hash: half.toString("base64url"),
    });
    expect((await entra.redeem(implicit, answer.get("code"))).status).toBe(200);

    const query = await visitor.open(
      entra.authorizeUrl(implicit.clientId, { response_type: "id_token", response_mode: "query" }),
    );
    expect(parametersOf(query).get("error_description")).toMatch(/^AADSTS70007: /);
  });

  test("form_post comes as a form that needs no script", async () => {
    const visitor = entra.visitor();
    const url = entra.authorizeUrl(site.clientId, { response_mode: "form_post" });
    const page = await visitor.signIn(await visitor.open(url), entra.users.ada);
    expect(page.body).toContain(`<form method="post" action="${callback}">`);
    expect(page.body).toMatch(/<input type="hidden" name="code" value="[^"]+"/);
    expect(page.body).toContain('<button type="submit">');
  });
});

describe("an application that requires assignment", () => {
  test("Entra's page tells users that they are not assigned, and prompt=none tells the application", async () => {
    const wiki = await entra.register({ principal: { appRoleAssignmentRequired: true } });
    await entra.graph("POST", `/v1.0/servicePrincipals/${wiki.servicePrincipalId}/appRoleAssignedTo`, {
      appRoleId: "00000000-0000-0000-0000-000000000000",
      principalId: wikiReaders,
      resourceId: wiki.servicePrincipalId,
    });
    expect((await entra.signIn(wiki, "ada")).get("code")).not.toBeNull();

    const visitor = entra.visitor();
    await entra.signIn(site, "bob", {}, visitor);
    const refused = await visitor.open(entra.authorizeUrl(wiki.clientId));
    expect(new URL(refused.url).hostname).toBe("login.microsoftonline.com");
    expect(codeOn(refused)).toBe(50105);
    const silent = await visitor.open(entra.authorizeUrl(wiki.clientId, { prompt: "none" }));
    expect(parametersOf(silent).get("error_description")).toMatch(/^AADSTS50105: /);

    // From the page of the refusal another person can sign in.
    const other = await visitor.open(`${refused.url}?other=1`);
    expect(parametersOf(await visitor.signIn(other, entra.users.ada)).get("code")).not.toBeNull();
  });
});

describe("without an administrator's consent", () => {
  test("a person is asked, and her Accept holds for her alone", async () => {
    const application = await entra.register({ consent: "" });
    const visitor = entra.visitor();
    const asked = await visitor.signIn(
      await visitor.open(entra.authorizeUrl(application.clientId)),
      entra.users.ada,
    );
    expect(asked.body).toContain("Permissions requested");
    expect(codeOn(asked)).toBe(65001);
    const accepted = await visitor.submit(asked, { consent: "yes" });
    expect(parametersOf(accepted).get("code")).not.toBeNull();
    expect((await entra.signIn(application, "ada")).get("code")).not.toBeNull();

    const other = entra.visitor();
    const page = await other.open(entra.authorizeUrl(application.clientId));
    expect((await other.signIn(page, entra.users.bob)).body).toContain("Permissions requested");
  });

  test("Cancel goes back to the application as access_denied", async () => {
    const application = await entra.register({ consent: "openid" });
    const visitor = entra.visitor();
    const page = await visitor.open(entra.authorizeUrl(application.clientId));
    const asked = await visitor.signIn(page, entra.users.ada);
    const declined = parametersOf(await visitor.submit(asked, { consent: "no" }));
    expect(declined.get("error")).toBe("access_denied");
    expect(declined.get("error_description")).toMatch(/^AADSTS65004: /);
  });

  test("a user cannot accept what only an administrator may grant", async () => {
    const visitor = entra.visitor();
    const url = entra.authorizeUrl(site.clientId, { scope: `${usualScope} GroupMember.Read.All` });
    const page = await visitor.signIn(await visitor.open(url), entra.users.ada);
    expect(page.body).toContain("Need admin approval");
    expect(page.body).not.toContain("Accept");
  });
});

describe("conditional access", () => {
  const policy = (state: string, control: string, sessionControls: unknown = null) => ({
    displayName: `${control} ${state}`,
    state,
    conditions: {
      clientAppTypes: ["all"],
      applications: { includeApplications: [site.clientId] },
      users: { includeUsers: ["All"], excludeGroups: ["7e57ab1e-0000-4000-8000-000000000002"] },
    },
    grantControls: { operator: "OR", builtInControls: [control] },
    sessionControls,
  });
  const withPolicy = async (body: unknown, work: () => Promise<void>) => {
    const path = "/v1.0/identity/conditionalAccess/policies";
    const { body: made } = await entra.graph("POST", path, body);
    try {
      await work();
    } finally {
      await entra.graph("DELETE", `${path}/${String(made["id"])}`);
    }
  };

  test("requires a second factor once per session, except from excluded users", async () => {
    await withPolicy(policy("enabled", "mfa"), async () => {
      const visitor = entra.visitor();
      const page = await visitor.signIn(
        await visitor.open(entra.authorizeUrl(site.clientId)),
        entra.users.ada,
      );
      expect(page.body).toContain("Simulated second factor");
      const approved = await visitor.submit(page, { approve: "yes" });
      expect(parametersOf(approved).get("code")).not.toBeNull();
      const again = await visitor.open(entra.authorizeUrl(site.clientId));
      expect(parametersOf(again).get("code")).not.toBeNull();

      expect((await entra.signIn(site, "bob")).get("code")).not.toBeNull();
    });
  });

  test("blocks with AADSTS53003", async () => {
    await withPolicy(policy("enabled", "block"), async () => {
      const visitor = entra.visitor();
      const page = await visitor.open(entra.authorizeUrl(site.clientId));
      expect(codeOn(await visitor.signIn(page, entra.users.ada))).toBe(53003);
    });
  });

  test("in report-only mode stops nobody, and the log tells what it would have done", async () => {
    await withPolicy(policy("enabledForReportingButNotEnforced", "mfa"), async () => {
      expect((await entra.signIn(site, "ada")).get("code")).not.toBeNull();
      const [entry] = await entra.control.signIns();
      expect(entry?.policies).toEqual([
        { displayName: "mfa enabledForReportingButNotEnforced", result: "reportOnlyFailure" },
      ]);
    });
  });

  test("that comes later stops a refresh with a request for the second factor", async () => {
    const answer = await entra.redeem(site, (await entra.signIn(site, "ada")).get("code"));
    await withPolicy(policy("enabled", "mfa"), async () => {
      const { status, body } = await entra.refresh(site, answer.body["refresh_token"]);
      expect(status).toBe(400);
      expect(body).toMatchObject({ error: "invalid_grant", error_codes: [50076], suberror: "basic_action" });
      expect(JSON.parse(String(body["claims"]))).toHaveProperty("access_token.capolids.essential", true);
    });
  });
});

test("conditional access can require more of some people at a renewal, and lets others renew", async () => {
  const renewed = async (user: "ada" | "bob") => {
    const { body } = await entra.redeem(site, (await entra.signIn(site, user)).get("code"));
    await entra.control.behave({ interactionRequired: ["ada"] });
    return entra.refresh(site, body["refresh_token"]);
  };
  const { status, body } = await renewed("ada");
  expect(status).toBe(400);
  expect(body).toMatchObject({ error: "interaction_required", error_codes: [50076] });
  expect((await renewed("bob")).status).toBe(200);
  await entra.control.reset();
});

test("a sign-in in progress survives a restart, and so does the session", async () => {
  const visitor = entra.visitor();
  const page = await visitor.open(entra.authorizeUrl(site.clientId));
  await entra.restart();
  const done = await visitor.signIn(page, entra.users.ada);
  expect(parametersOf(done).get("code")).not.toBeNull();
  await entra.restart();
  const silent = await visitor.open(entra.authorizeUrl(site.clientId, { prompt: "none" }));
  const { status } = await entra.redeem(site, parametersOf(silent).get("code"));
  expect(status).toBe(200);
});
