/** The steps of a sign-in: name, password, second factor, consent. */
import type { Interaction, KoaContextWithOIDC, Provider } from "oidc-provider";

import { respondWithError } from "./authorize.ts";
import { readLoginHint, type Subject } from "./claims.ts";
import { obstacleOf, policyResults, type Proof } from "./conditions.ts";
import { type Code, EntraError } from "./errors.ts";
import { readBody } from "./http.ts";
import {
  accountPage,
  consentPage,
  errorPage,
  namePage,
  passwordPage,
  secondFactorPage,
  type Step,
} from "./login-pages.ts";
import { principalOf, registrationOf, userById, userBySignInName } from "./membership.ts";
import type { PermissionScope, User } from "./model.ts";
import { makeGrant } from "./grants.ts";
import { graphOf, readScope, type Wish } from "./scopes.ts";
import { matches } from "./secrets.ts";
import type { SignInLog } from "./sign-in-log.ts";
import type { State } from "./state.ts";

/** Path of a sign-in's pages. */
export const loginPath = (tenantId: string, uid: string) => `/${tenantId}/login/${uid}`;

/** Answers the pages of {@link loginPath}. */
export class Login {
  readonly #state: State;
  readonly #provider: Provider;
  readonly #log: SignInLog;

  constructor(state: State, provider: Provider, log: SignInLog) {
    this.#state = state;
    this.#provider = provider;
    this.#log = log;
  }

  /** One request to a page of a sign-in. */
  async answer(ctx: KoaContextWithOIDC): Promise<void> {
    ctx.set("Cache-Control", "no-store");
    ctx.type = "html";
    let interaction;
    try {
      interaction = await this.#provider.interactionDetails(ctx.req, ctx.res);
    } catch {
      // Its cookie is gone: the sign-in took too long, or another browser opened the page.
      ctx.status = 400;
      ctx.body = errorPage(new EntraError(90013));
      return;
    }
    const visit = await this.#visit(ctx, interaction);
    if (visit === undefined) {
      ctx.status = 400;
      ctx.body = errorPage(new EntraError(90013));
    } else if (ctx.method === "POST")
      await this.#submit(ctx, visit, new URLSearchParams(await readBody(ctx.req)));
    else ctx.body = this.#show(visit, ctx.query["other"] !== undefined);
  }

  async #visit(ctx: KoaContextWithOIDC, interaction: Interaction): Promise<Visit | undefined> {
    const { tenant } = this.#state;
    const { client_id: clientId, requested_scope: scope } = interaction.params as Readonly<
      Record<string, string>
    >;
    const registration = registrationOf(tenant, clientId ?? "");
    const principal = principalOf(tenant, clientId ?? "");
    if (registration === undefined || principal === undefined || scope === undefined) return undefined;
    const uid = interaction.session?.uid;
    const session = uid === undefined ? undefined : await this.#provider.Session.findByUid(uid);
    const user = session?.accountId === undefined ? undefined : userById(tenant, session.accountId);
    return {
      interaction,
      action: ctx.path,
      wish: readScope(tenant, registration, scope),
      subjectOf: (person) => ({ tenant, application: registration.application, principal, user: person }),
      ...(user === undefined ? {} : { user }),
      proof: { amr: session?.amr ?? [], authTime: session?.loginTs ?? 0 },
    };
  }

  /** The page that is due. */
  #show(visit: Visit, other: boolean): string {
    const { interaction, action, user } = visit;
    const { prompt, params } = interaction;
    if (other) return namePage({ action });
    if (prompt.name === "select_account" && user !== undefined)
      return accountPage({ action, name: user.signInName });
    if (prompt.name === "login" || user === undefined) {
      const hint = params["login_hint"];
      return typeof hint === "string"
        ? passwordPage({ action, name: readLoginHint(hint) })
        : namePage({ action });
    }
    const step: Step = { action, name: user.signInName };
    const subject = visit.subjectOf(user);
    const obstacle = obstacleOf(subject, visit.wish, visit.proof);
    switch (obstacle?.kind) {
      case "blocked":
        this.#record(subject, visit.proof, obstacle.error.code);
        return errorPage(obstacle.error, action);
      case "secondFactor":
        return secondFactorPage(step);
      case "signInAgain":
        return passwordPage(step);
      case "consent": {
        const { appId, displayName } = subject.application;
        this.#record(subject, visit.proof, 65001);
        const error = new EntraError(65001, [appId, displayName]);
        return consentPage({ ...step, error }, displayName, obstacle.scopes, obstacle.byAdministrator);
      }
      case undefined:
        // prompt=consent asks though all has been given.
        return consentPage(step, subject.application.displayName, [], false);
    }
  }

  async #submit(ctx: KoaContextWithOIDC, visit: Visit, form: URLSearchParams): Promise<void> {
    const { action, user } = visit;
    const name = form.get("loginfmt") ?? "";
    switch (form.get("step")) {
      case "name":
      case "password": {
        const password = form.get("passwd");
        const person = userBySignInName(this.#state.tenant, name);
        if (person === undefined)
          ctx.body = namePage({
            action,
            name,
            error: new EntraError(50034, [name, this.#state.tenant.tenantId]),
          });
        else if (password === null) ctx.body = passwordPage({ action, name });
        else await this.#enter(ctx, visit, person, password);
        return;
      }
      case "account":
        await this.#finish(ctx, visit, { select_account: {} });
        return;
      case "secondFactor":
        if (user === undefined) break;
        await this.#finish(ctx, visit, signedIn(user, ["pwd", "mfa"], visit.proof.authTime));
        return;
      case "consent":
        if (user === undefined) break;
        await this.#consent(ctx, visit, user, form.get("consent") === "yes");
        return;
    }
    ctx.status = 400;
    ctx.body = errorPage(new EntraError(90013), action);
  }

  async #enter(ctx: KoaContextWithOIDC, visit: Visit, person: User, password: string): Promise<void> {
    const { action } = visit;
    const subject = visit.subjectOf(person);
    const proof = { amr: ["pwd"], authTime: Date.now() / 1000 };
    if (!matches(password, person.passwordHash)) {
      this.#record(subject, proof, 50126);
      ctx.body = passwordPage({ action, name: person.signInName, error: new EntraError(50126) });
      return;
    }
    // An account that is disabled gets no session at all.
    if (!person.accountEnabled) {
      this.#record(subject, proof, 50057);
      ctx.body = passwordPage({ action, name: person.signInName, error: new EntraError(50057) });
      return;
    }
    if (obstacleOf(subject, visit.wish, proof) === undefined) this.#record(subject, proof, 0);
    await this.#finish(ctx, visit, signedIn(person, proof.amr, proof.authTime), person);
  }

  async #consent(ctx: KoaContextWithOIDC, visit: Visit, user: User, accepted: boolean): Promise<void> {
    const subject = visit.subjectOf(user);
    const obstacle = obstacleOf(subject, visit.wish, visit.proof);
    if (!accepted) {
      const {
        redirect_uri: redirectUri,
        response_mode: responseMode,
        state,
      } = visit.interaction.params as Record<string, string>;
      await visit.interaction.destroy();
      respondWithError(ctx, new EntraError(65004), {
        redirectUri: redirectUri ?? "",
        responseMode: responseMode ?? "query",
        state,
      });
      return;
    }
    if (obstacle?.kind === "consent" && !obstacle.byAdministrator)
      await this.#agree(subject, visit.wish, obstacle.scopes);
    await this.#finish(ctx, visit, { consent: {} });
  }

  /** Keeps a person's own consent: to OpenID Connect's scopes at Graph, to the others at their resource. */
  async #agree(
    { tenant, principal, user }: Subject,
    wish: Wish,
    scopes: readonly PermissionScope[],
  ): Promise<void> {
    const of = (openid: boolean) =>
      scopes.filter(({ value }) => wish.openid.has(value) === openid).map(({ value }) => value);
    for (const [resource, values] of [
      [graphOf(tenant), of(true)],
      [wish.resource, of(false)],
    ] as const) {
      if (values.length === 0) continue;
      const wanted = makeGrant(
        principal.servicePrincipal.id,
        resource.servicePrincipal.id,
        user.id,
        values.join(" "),
      );
      const present = tenant.permissionGrants.find(({ id }) => id === wanted.id);
      if (present === undefined) tenant.permissionGrants.push(wanted);
      else present.scope = `${present.scope} ${wanted.scope}`;
    }
    await this.#state.save();
  }

  /**
   * Goes on with the library. Where somebody else than before has signed in, the session becomes hers here: the
   * library would sign the first one out by a page with a script.
   */
  async #finish(
    ctx: KoaContextWithOIDC,
    visit: Visit,
    result: Readonly<Record<string, object>>,
    person?: User,
  ): Promise<void> {
    const location = await this.#provider.interactionResult(ctx.req, ctx.res, {
      select_account: {},
      ...result,
    });
    const uid = visit.interaction.session?.uid;
    const session = uid === undefined ? undefined : await this.#provider.Session.findByUid(uid);
    if (session !== undefined && person !== undefined && session.accountId !== person.id) {
      session.accountId = person.id;
      session.authorizations = {};
      await session.persist();
    }
    ctx.status = 302;
    ctx.set("Location", location);
    ctx.body = "";
  }

  #record(subject: Subject, proof: Proof, code: Code | 0): void {
    const { user, application } = subject;
    this.#log.add({
      user: user.signInName,
      application: application.displayName,
      code,
      policies: policyResults(subject, proof),
    });
  }
}

/** One request to a sign-in: who asks for whom, and how far it is. */
interface Visit {
  readonly interaction: Interaction;
  readonly action: string;
  readonly wish: Wish;
  readonly subjectOf: (user: User) => Subject;
  /** Who is signed in already. */
  readonly user?: User;
  readonly proof: Proof;
}

function signedIn({ id }: User, amr: readonly string[], authTime: number) {
  // Without a "stay signed in" the session ends with the browser.
  return { login: { accountId: id, amr: [...amr], ts: authTime, remember: false } };
}
