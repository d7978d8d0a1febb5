/** Entra's pages, in the emulator's plain look. Each has one form with one submit button, as a browser test expects. */
import type { EntraError } from "./errors.ts";

/** Asks who it is. */
export function namePage(
  action: string,
  { name = "", error }: { name?: string; error?: string } = {},
): string {
  return page(
    "Sign in to your account",
    `<h1>Sign in</h1>
${alert(error)}
<form method="post" action="${text(action)}">
<label>Email, phone, or Skype <input name="loginfmt" type="email" value="${text(name)}" autocomplete="username" autofocus required></label>
<button type="submit">Next</button>
</form>`,
  );
}

/** Asks for the password of somebody. */
export function passwordPage(action: string, name: string, error?: string): string {
  return page(
    "Sign in to your account",
    `<p id="displayName">${text(name)}</p>
<h1>Enter password</h1>
${alert(error)}
<form method="post" action="${text(action)}">
<input name="loginfmt" type="hidden" value="${text(name)}">
<label>Password <input name="passwd" type="password" autocomplete="current-password" autofocus required></label>
<button type="submit">Sign in</button>
</form>`,
  );
}

/** Refuses; Entra does so on a page of its own where the application must not, or cannot, be told. */
export function errorPage(error: EntraError): string {
  return page(
    "Sign in to your account",
    `<h1>Sorry, but we’re having trouble signing you in.</h1>
<p role="alert" data-error="${error.code}">${text(error.message)}</p>
<dl>
<dt>Request Id</dt><dd>${error.traceId}</dd>
<dt>Correlation Id</dt><dd>${error.correlationId}</dd>
<dt>Timestamp</dt><dd>${error.timestamp}</dd>
</dl>`,
  );
}

/** After signing out without an address to go to. */
export function signedOutPage(): string {
  return page(
    "Signed out",
    "<h1>You signed out of your account</h1>\n<p>It’s a good idea to close all browser windows.</p>",
  );
}

/** Hands an answer to the application by a form that submits itself. */
export function formPost(redirectUri: string, parameters: URLSearchParams): string {
  const inputs = [...parameters].map(
    ([name, value]) => `<input type="hidden" name="${text(name)}" value="${text(value)}">`,
  );
  return page(
    "Working...",
    `<form method="post" action="${text(redirectUri)}">${inputs.join("")}<noscript><button type="submit">Submit</button></noscript></form>
<script>document.forms[0].submit()</script>`,
  );
}

function alert(error: string | undefined): string {
  return error === undefined ? "" : `<p role="alert">${text(error)}</p>`;
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 4rem auto; padding: 0 1rem; color: #222; background: #fff; }
h1 { font-size: 1.5rem; }
label { display: block; }
input { display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .4rem; margin: .25rem 0 1rem; }
button { font: inherit; padding: .4rem 1.5rem; }
[role=alert] { color: #a00; }
</style>
</head>
<body>
<p>Microsoft Entra ID, as the lab emulates it</p>
${body}
</body>
</html>
`;
}

function text(value: string): string {
  return value
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
