/** How long sessions last and where they are stored, from oauth2-proxy's options. */
import type { SiteSettings } from "../../components/site/settings.ts";
import { seconds } from "../../components/site/checks.ts";
import { siteShape } from "../../components/site/shape.ts";
import { closes, differs, type Finding } from "./findings.ts";
import type { Oauth2ProxyOptions } from "./oauth2-proxy-options.ts";

type Sessions = Pick<
  SiteSettings,
  "sessionStore" | "redis" | "cookieExpire" | "cookieRefresh" | "cookieName" | "proxyPrefix"
>;

/** A duration as Nginx or Go writes it, in a site's form; undefined for one that has none. */
export function durationOf(text: string): string | undefined {
  const units: Readonly<Record<string, number>> = {
    ms: 0.001,
    s: 1,
    "": 1,
    m: 60,
    h: 3600,
    d: 86_400,
    w: 604_800,
  };
  if (!/^(?:\d+(?:ms|[smhdw])?\s*)+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+)(ms|[smhdw])?/g)];
  const all = Math.ceil(
    parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * (units[unit] ?? 0), 0),
  );
  const unit = (
    [
      ["h", 3600],
      ["m", 60],
      ["s", 1],
    ] as const
  ).find(([, size]) => all % size === 0);
  return all === 0 || unit === undefined ? undefined : `${all / unit[1]}${unit[0]}`;
}

/** @param options undefined if no file has any */
export function sessionsOf(options: Oauth2ProxyOptions | undefined): {
  readonly settings: Sessions;
  readonly findings: readonly Finding[];
} {
  if (options === undefined) return { settings: {}, findings: [] };
  const { where, values, elsewhere } = options;
  const first = (name: string) => values.get(name)?.[0];
  const findings: Finding[] = elsewhere
    .filter((it) => /^(?:cookie_(?:name|expire|refresh)|proxy_prefix|session_store_type)$/.test(it))
    .map((it) => differs(where, `${it} is not in the files; the site has the default`));
  const isMinimal = first("session_cookie_minimal") === "true";
  const settings: Sessions = {
    ...timesOf(first("cookie_expire"), isMinimal ? undefined : first("cookie_refresh"), isMinimal),
    ...(isMinimal ? { sessionStore: "minimal" } : {}),
  };
  const name = first("cookie_name");
  if (name !== undefined && siteShape.cookieName.safeParse(name).success && !name.startsWith("__Host-"))
    settings.cookieName = name;
  else if (name !== undefined)
    findings.push(
      differs(where, `cookie_name "${name}" does not begin with _oauth2_proxy; everybody signs in again`),
    );
  if (first("cookie_domains") !== undefined)
    findings.push(closes(where, "cookie_domains: a session is of one site now, and of no other host"));
  const prefix = first("proxy_prefix");
  if (prefix !== undefined && siteShape.proxyPrefix.safeParse(prefix).success && prefix !== "/oauth2")
    settings.proxyPrefix = prefix;
  else if (prefix !== undefined && prefix !== "/oauth2")
    findings.push(
      differs(where, `proxy_prefix "${prefix}" has more than one segment; the sign-in is below /oauth2`),
    );
  const store = redisOf(options);
  findings.push(...store.findings);
  return { settings: defined({ ...settings, ...store.settings }), findings };
}

/** Renewals have to come before the end: with a short session, at half of its time. */
function timesOf(expire: string | undefined, refresh: string | undefined, isMinimal: boolean): Sessions {
  const valid = (it: string | undefined) => {
    const duration = it === undefined ? undefined : durationOf(it);
    return siteShape.cookieExpire.safeParse(duration).success ? duration : undefined;
  };
  const [cookieExpire, given] = [valid(expire), valid(refresh)];
  const longest = seconds(cookieExpire ?? "168h");
  const isTooLate = seconds(given ?? "50m") >= longest;
  const cookieRefresh = isTooLate ? durationOf(`${Math.max(1, Math.floor(longest / 2))}s`) : given;
  return {
    ...(cookieExpire === undefined ? {} : { cookieExpire }),
    ...(isMinimal || cookieRefresh === undefined ? {} : { cookieRefresh }),
  };
}

function redisOf({ where, values, elsewhere }: Oauth2ProxyOptions): {
  readonly settings: Sessions;
  readonly findings: readonly Finding[];
} {
  if (values.get("session_store_type")?.[0] !== "redis") return { settings: {}, findings: [] };
  const url = URL.parse(values.get("redis_connection_url")?.[0] ?? "");
  const isOne = ["redis_use_sentinel", "redis_use_cluster"].every((it) => values.get(it)?.[0] !== "true");
  if (url === null || !isOne || !/^rediss?:$/.test(url.protocol))
    return {
      settings: {},
      findings: [
        differs(where, "the Redis is a cluster or not in the files; sessions are stored in cookies"),
      ],
    };
  const redis = {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    ...(url.port === "" || url.port === "6379" ? {} : { port: Number(url.port) }),
    ...(url.protocol === "rediss:" ? {} : { tls: false }),
    ...(url.username === "" ? {} : { username: url.username }),
    ...(/^\/[1-9]\d*$/.test(url.pathname) ? { database: Number(url.pathname.slice(1)) } : {}),
  };
  if (!siteShape.redis.safeParse(redis).success)
    return {
      settings: {},
      findings: [differs(where, "redis_connection_url has no host that a setting can name")],
    };
  const isSecret =
    url.password !== "" || values.has("redis_password") || elsewhere.includes("redis_password");
  const password = differs(
    where,
    "the Redis' password is a secret of the stack: pulumi config set --secret redisPassword",
  );
  return { settings: { sessionStore: "redis", redis }, findings: isSecret ? [password] : [] };
}

/** Without members that are undefined. */
export function defined<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;
}
