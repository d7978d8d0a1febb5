/**
 * A stand-in for the oauth2-proxy of every site: it answers `<proxy_prefix>/auth` by the rules that a site's configuration and
 * the request name, as https://oauth2-proxy.github.io/oauth2-proxy/features/endpoints says, for whoever the session
 * cookie names. It shares nothing with the review.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";

import { parse } from "smol-toml";

/** Who a session is of, as the token told: groups, or roles where the site asks for roles. */
export interface Session {
  readonly upn: string;
  readonly groups: readonly string[];
}

/** A session as the value of a cookie, or as the middle of a token. */
export function cookieOf(session: Session): string {
  return Buffer.from(JSON.stringify(session)).toString("base64url");
}

/** What counts of a configuration. */
interface Rules {
  readonly cookie_name: string;
  readonly proxy_prefix?: string;
  readonly email_domains: readonly string[];
  readonly allowed_groups?: readonly string[];
  readonly skip_jwt_bearer_tokens?: boolean;
  readonly authenticated_emails_file?: string;
}

/**
 * Listens where Nginx looks for the site's oauth2-proxy.
 * @param config the text of its configuration
 * @param emails the text of the file that it calls `authenticated_emails_file`, if it does
 */
export async function startOauth2Proxy(port: number, config: string, emails: string): Promise<Server> {
  const rules = parse(config) as unknown as Rules;
  const listed = rules.authenticated_emails_file === undefined ? [] : emails.split("\n");
  const { proxy_prefix: prefix = "/oauth2" } = rules;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://oauth2-proxy");
    const session = sessionOf(request, rules);
    response.setHeader("X-Auth-Request-Groups", session?.groups.join(",") ?? "");
    // An application's token has no user name.
    response.setHeader("X-Auth-Request-Email", session?.upn ?? "");
    response.setHeader("X-Auth-Request-Preferred-Username", session?.upn.includes("@") ? session.upn : "");
    response.writeHead(url.pathname === `${prefix}/auth` ? statusOf(session, url) : 200).end();
  });
  const statusOf = (session: Session | undefined, url: URL): number => {
    if (session === undefined) return 401;
    const { upn, groups } = session;
    const isIn = (any: readonly string[]) => any.length === 0 || any.some((it) => groups.includes(it));
    const asked = url.searchParams.getAll("allowed_groups").flatMap((it) => it.split(",").filter(Boolean));
    const domain = rules.email_domains.some((it) => it === "*" || upn.endsWith(`@${it}`));
    if (!(domain || listed.includes(upn)) || !isIn(rules.allowed_groups ?? [])) return 401;
    return isIn(asked) ? 202 : 403;
  };
  server.keepAliveTimeout = 60_000;
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function sessionOf({ headers }: IncomingMessage, rules: Rules): Session | undefined {
  const name = rules.cookie_name;
  const cookie = (headers.cookie ?? "").split("; ").find((it) => it.startsWith(`${name}=`));
  const token = /^Bearer [^.]+\.([^.]+)\.[^.]+$/.exec(headers.authorization ?? "")?.[1];
  const value = (rules.skip_jwt_bearer_tokens === true ? token : undefined) ?? cookie?.slice(name.length + 1);
  if (value === undefined) return undefined;
  return JSON.parse(Buffer.from(value, "base64url").toString()) as Session;
}
