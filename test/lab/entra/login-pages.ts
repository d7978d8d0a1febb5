/** What a person sees at Entra. Field names are Entra's own: loginfmt, passwd. */
import { type EntraError, errorParameters } from "./errors.ts";
import { type Html, html, page } from "./html.ts";
import type { PermissionScope } from "./model.ts";

/** What every step of a sign-in shows and sends along. */
export interface Step {
  /** Path that takes the form. */
  readonly action: string;
  /** Whose sign-in it is, once that has been said. */
  readonly name?: string;
  readonly error?: EntraError;
}

/** Asks for the name. */
export function namePage({ action, name = "", error }: Step): string {
  return page(
    "Sign in to your account",
    html`<h1>Sign in</h1>
      ${problem(error)}
      <form method="post" action="${action}">
        <input type="hidden" name="step" value="name" />
        <label for="i0116">Email</label>
        <input
          id="i0116"
          name="loginfmt"
          type="email"
          value="${name}"
          autocomplete="username"
          required
          autofocus
        />
        <button id="idSIButton9" type="submit">Next</button>
      </form>`,
  );
}

/** Asks for the password. */
export function passwordPage({ action, name = "", error }: Step): string {
  return page(
    "Sign in to your account",
    html`<p>${name}</p>
      <h1>Enter password</h1>
      ${problem(error)}
      <form method="post" action="${action}">
        <input type="hidden" name="step" value="password" />
        <input type="hidden" name="loginfmt" value="${name}" />
        <label for="i0118">Password</label>
        <input id="i0118" name="passwd" type="password" autocomplete="current-password" required autofocus />
        <button id="idSIButton9" type="submit">Sign in</button>
      </form>
      ${otherAccount(action)}`,
  );
}

/** Lets the person take the account that is signed in, or another. */
export function accountPage({ action, name = "" }: Step): string {
  return page(
    "Sign in to your account",
    html`<h1>Pick an account</h1>
      <form method="post" action="${action}">
        <input type="hidden" name="step" value="account" />
        <p><button type="submit" name="account" value="this">${name}</button></p>
      </form>
      ${otherAccount(action)}`,
  );
}

/** The second factor, which the lab only pretends. */
export function secondFactorPage({ action, name = "" }: Step): string {
  return page(
    "Approve sign in request",
    html`<p>${name}</p>
      <h1>Approve sign in request</h1>
      <p>A conditional access policy asks for multi-factor authentication.</p>
      <form method="post" action="${action}">
        <input type="hidden" name="step" value="secondFactor" />
        <button type="submit" name="approve" value="yes">Simulated second factor</button>
      </form>
      ${otherAccount(action)}`,
  );
}

/** Asks for consent, or says that an administrator must give it. */
export function consentPage(
  { action, name = "", error }: Step,
  application: string,
  scopes: readonly PermissionScope[],
  byAdministrator: boolean,
): string {
  const list = html`<ul>
    ${scopes.map(({ value }) => html`<li>${value}</li>`)}
  </ul>`;
  if (byAdministrator)
    return page(
      "Need admin approval",
      html`<p>${name}</p>
        <h1>Need admin approval</h1>
        ${explained(error)}${list}${otherAccount(action)}`,
    );
  return page(
    "Permissions requested",
    html`<p>${name}</p>
      <h1>Permissions requested</h1>
      <p>${application} would like to:</p>
      ${list} ${explained(error)}
      <form method="post" action="${action}">
        <input type="hidden" name="step" value="consent" />
        <button class="quiet" type="submit" name="consent" value="no">Cancel</button>
        <button type="submit" name="consent" value="yes">Accept</button>
      </form>`,
  );
}

/** Entra's own error page: the person goes nowhere from here. */
export function errorPage(error: EntraError, action?: string): string {
  return page(
    "Sign in to your account",
    html`<h1>Sorry, but we’re having trouble signing you in.</h1>
      ${explained(error)} ${action === undefined ? html`` : otherAccount(action)}`,
  );
}

/** After a sign-out that leads nowhere else. */
export function signedOutPage(): string {
  return page(
    "Sign out",
    html`<h1>You signed out of your account</h1>
      <p>It’s a good idea to close all browser windows.</p>`,
  );
}

/** Sends a form to the application (response_mode=form_post). */
export function formPostPage(action: string, parameters: Readonly<Record<string, string>>): string {
  const fields = Object.entries(parameters).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`,
  );
  return page(
    "Working...",
    html`<form method="post" action="${action}">${fields}<button type="submit">Continue</button></form>
      <script>
        document.forms[0].submit();
      </script>`,
  );
}

function problem(error: EntraError | undefined): Html {
  if (error === undefined) return html``;
  return html`<p class="error" role="alert">${error.message}</p>
    <p class="small">AADSTS${String(error.code)}</p>`;
}

function explained(error: EntraError | undefined): Html {
  if (error === undefined) return html``;
  const { error_description: text } = errorParameters(error);
  return html`<p class="error" role="alert">${text}</p>`;
}

/** A link, so that a page has one submit button. */
function otherAccount(action: string): Html {
  return html`<p><a href="${action}?other=1">Use another account</a></p>`;
}
