/** The identity headers that backends get. */
import type { Identity } from "../../site/shape.ts";
import { type Directive, expr } from "../../nginx/print.ts";

/**
 * The identity that backends get: the header, and the part of oauth2-proxy's answer that it contains.
 * `user` is the UPN, which oauth2-proxy calls the preferred user name; its own "user" is an opaque ID.
 */
export const identityHeaders: readonly (readonly [Identity, header: string, answer: string])[] = [
  ["user", "X-Auth-Request-User", "x_auth_request_preferred_username"],
  ["email", "X-Auth-Request-Email", "x_auth_request_email"],
  ["preferredUsername", "X-Auth-Request-Preferred-Username", "x_auth_request_preferred_username"],
  ["groups", "X-Auth-Request-Groups", "x_auth_request_groups"],
  // On a site with roles, oauth2-proxy takes the roles for groups.
  ["roles", "X-Auth-Request-Roles", "x_auth_request_groups"],
  ["accessToken", "X-Auth-Request-Access-Token", "x_auth_request_access_token"],
  ["idToken", "Authorization", "authorization"],
];

/** The status of oauth2-proxy's answer, and how long it took. */
export const authStatus = "$oauth2_status";
export const authSeconds = "$oauth2_seconds";

export function answerVariables(): Directive[] {
  return [
    ["auth_request_set", expr(authStatus), expr("$upstream_status")],
    ["auth_request_set", expr(authSeconds), expr("$upstream_response_time")],
    ...identityHeaders.map(([identity, , answer]): Directive => [
      "auth_request_set",
      expr(identityVariable(identity)),
      expr(`$upstream_http_${answer}`),
    ]),
  ];
}

export function identityVariable(identity: Identity): string {
  return `$oauth2_${identity.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
}
