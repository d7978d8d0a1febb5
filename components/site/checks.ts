/**
 * The rules for single values, each with its error message, and the conversion of a schema's issues to
 * {@link Problem}s.
 */
import { closest } from "fastest-levenshtein";
import { z } from "zod";

import { protocolOf, upstreamPath, urlOf } from "./backends.ts";
import type { Problem } from "./errors.ts";

/** A schema's message: what was expected, and what was given. */
export function expected(what: string) {
  return ({ input }: { readonly input?: unknown }): string =>
    `must be ${what}, ${input === undefined ? "but it is missing" : `got ${shown(input)}`}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

function text(pattern: RegExp, what: string) {
  return z.string({ error: expected(what) }).regex(pattern, { error: expected(what) });
}

/** A valid text with a further rule. Not by `abort`, which would skip the rules of rules/, too. */
function refined(
  text: z.ZodType<string, string>,
  isRight: (text: string) => boolean,
  error: ReturnType<typeof expected>,
) {
  return text.pipe(z.string().refine(isRight, { error }));
}

/** A whole number within bounds, both included. */
export function wholeNumber(from: number, to: number) {
  const error = expected(`a whole number from ${from} to ${to}`);
  return z.int({ error }).min(from, { error }).max(to, { error });
}

/** A list whose entries follow one rule; `what` says what the list is for. */
export function listOf<T extends z.ZodType>(entry: T, what: string) {
  return z.array(entry, { error: expected(`a list of ${what}`) });
}

/** A list in ascending order of a number of each entry, without duplicates. */
export function inOrder<T>(numberOf: (entry: T) => number) {
  return z.superRefine<T[]>((entries, context) => {
    const numbers = entries.map(numberOf);
    const misplaced = numbers.find((it, index) => it <= (numbers[index - 1] ?? 0));
    if (misplaced !== undefined)
      context.addIssue(`must be in ascending order without duplicates, got ${misplaced} out of order`);
  });
}

/** What a schema returns, read-only. */
export type Checked<Schema extends z.ZodType> = DeepReadonly<z.output<Schema>>;
type DeepReadonly<T> = { readonly [Key in keyof T]: DeepReadonly<T[Key]> };

const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const hostName = `(?:${label}\\.)+${label}`;

/** A bare, lower-case DNS name of at least two labels; international names in their `xn--` form. */
export const domain = text(
  new RegExp(`^(?=.{1,253}$)${hostName}$`),
  'a bare host name in lower case like "wiki.example.com"',
);

/**
 * The domain of a site. The tightest limit on names derived from it: systemd creates the folder
 * `systemd-private-<32 digits>-oauth2-proxy_<domain>.service-XXXXXX` for the unit, and file systems allow names of at most
 * 255 characters. (Entra's redirect URI, 256 characters, leaves 230; its display name, 256, leaves 241.)
 */
export const siteDomain = domain.refine((name) => name.length <= 178, {
  error: ({ input }) =>
    `must have at most 178 characters, the longest that fits systemd's name of a unit's private folder, got ${String(input).length}`,
});

/** A GUID in Entra's lower-case form. */
export const guid = text(
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
  'an object ID like "7e57ab1e-0000-4000-8000-000000000001"',
);

/** The ID of an Entra tenant. The zeros that templates have in its place are none. */
export const tenantId = text(
  /^(?![0-]+$)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
  "your tenant's ID (az account show --query tenantId)",
);

/** A duration that Nginx, oauth2-proxy and systemd all interpret the same way. */
export const duration = text(/^[1-9][0-9]{0,5}[smh]$/, 'a duration like "30s", "50m" or "168h"');

/** A duration of so many seconds at most; `reason` says why no longer. */
export function durationUpTo(most: number, reason: string) {
  return refined(duration, (it) => seconds(it) <= most, expected(`at most ${most}s, ${reason}`));
}

/** Seconds of a duration such as `50m`. */
export function seconds(duration: string): number {
  const unit = { s: 1, m: 60, h: 3600 }[duration.slice(-1)];
  return Number(duration.slice(0, -1)) * (unit ?? Number.NaN);
}

/** A date, UTC. */
export const date = refined(
  z
    .string({ error: expected('a day like "2027-11-01"') })
    .regex(/^2[0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$/, {
      error: expected('a day in quotes, like "2027-11-01"'),
    }),
  (day) => startOf(day)?.toJSON().startsWith(day) === true,
  expected('a day that exists, like "2027-11-01"'),
);

function startOf(day: string): Date | undefined {
  const moment = new Date(`${day}T00:00:00Z`);
  return Number.isNaN(moment.getTime()) ? undefined : moment;
}

/** A size of a request body as Nginx writes it. */
export const size = text(/^[1-9][0-9]{0,4}[kmg]$/, 'a size like "512k", "10m" or "1g"');

/** The size of a buffer for headers; above 128k, Nginx would require larger temporary files. */
export const bufferSize = text(/^(?:[4-9]|[1-9][0-9]|1[01][0-9]|12[0-8])k$/, 'a size from "4k" to "128k"');

const backendAddress = expected(
  'the scheme, host and port of the backend like "http://127.0.0.1:3000", with a path like "http://10.0.0.5/app/", gRPC like "grpc://10.0.0.5:50051", or a socket like "unix:/run/app.sock"',
);
const backendPattern = new RegExp(
  "^(?:(?:http|grpc)s?://(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\\[[0-9a-f:]{2,39}\\])(?::[1-9][0-9]{0,4})?" +
    "(?:/(?:[\\w~-][\\w.~-]*/)*)?" +
    "|unix:(?:/[\\w.@+-]+)+)$",
);

/**
 * Scheme, host and port of a backend, and a path with a "/" at its end; no user, no query, nothing that Nginx could
 * expand or cut. Or a Unix socket, which speaks plain HTTP.
 */
export const upstreamUrl = refined(
  refined(
    z.string({ error: backendAddress }).regex(backendPattern, { error: backendAddress }),
    // Not "http://10.0.0" or port 70000, which look like an address but are not, or mean another one.
    (url) =>
      url.startsWith("unix:") ||
      (urlOf(url) !== undefined &&
        (url.includes("[") || url.replace(/^grpc/, "http").startsWith(urlOf(url)?.origin ?? " "))),
    backendAddress,
  ),
  (url) => protocolOf(url) === "http" || upstreamPath(url) === "/",
  expected('without a path for gRPC, whose paths are services and methods, like "grpc://10.0.0.5:50051"'),
);

/** A name that becomes part of resource names and of file headers. */
export const resourceName = text(
  /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/,
  'a name of at most 40 lower-case letters, digits and "-", like "edge-1"',
);

/** The name of a session cookie that Nginx keeps from every backend. */
export const sessionCookieName = text(
  /^(?:__Host-)?_oauth2_proxy(?:_[A-Za-z0-9_]{1,80})?$/,
  'a name that begins with "_oauth2_proxy" or "__Host-_oauth2_proxy", like "_oauth2_proxy_wiki"',
);

/** The ID of a delegated permission grant in Graph. */
export const consentId = text(
  /^[\w-]{20,200}$/,
  'the ID of a permission grant like "l5eW7x0ga0-WDOntXzHateXDNpSH5-lPk9HjD3Sarjk"',
);

/** An IP address or DNS name at which a host answers SSH. */
export const address = text(
  new RegExp(`^(?:(?=.{1,253}$)${label}(?:\\.${label})*|[0-9a-f:]*:[0-9a-f:.]+)$`),
  'an IP address or host name like "10.0.0.11"',
);

/**
 * One line as in `/etc/ssh/ssh_host_ed25519_key.pub`. RSA is refused: @pulumi/command offers only SHA-1 signatures
 * for a pinned RSA key, which OpenSSH refuses since 8.8.
 */
export const sshHostKey = text(
  /^(?:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}|ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABB[A-Za-z0-9+/]{86}=)(?: [\w.@-]+)?$/,
  'the host\'s public key as "ssh-ed25519 AAAA…", the line in its /etc/ssh/ssh_host_ed25519_key.pub',
);

/** An absolute path made of plain characters. */
export const absolutePath = text(
  /^(?:\/[\w.@+-]+)+$/,
  'an absolute path like "/data/certs/wiki.example.com"',
);

/** The decoded path of a URL, with segments that every server interprets the same way. */
export const path = text(
  /^(?=.{1,200}$)\/(?:(?!\.{1,2}(?:\/|$))[\w.~-]*[\w~-](?:\/|$))*$/,
  'a path like "/admin" of letters, digits and "-._~" between single slashes',
);

/** A path with one segment, to which no rule about `.ht` or `.well-known` applies. */
export const proxyPrefix = text(
  /^\/(?!\.)[\w.~-]{1,50}(?<!\.)$/,
  'a path with one segment like "/_sign-in", of letters, digits and "-._~", without a leading or trailing dot',
);

/** A line of text for people. */
export const sentence = text(
  /^\S(?=.{2,199}$)[^\u0000-\u001f\u007f]*\S$/,
  "a line of text with 3 to 200 characters",
);

/** A color as CSS writes it, without names. */
export const color = text(/^#[0-9a-f]{6}$/i, 'a color like "#0b57d0"');

/** An SVG's text. Browsers show none in an image without its namespace. */
export const svg = text(
  /^(?=[^]{1,8192}$)\s*<svg\s[^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"[^]*<\/svg>\s*$/,
  'an SVG of up to 8192 characters, from <svg xmlns="http://www.w3.org/2000/svg" …> to </svg>',
);

/** A rate in Nginx's syntax, or `off`. */
export const rate = text(/^(?:off|[1-9][0-9]{0,3}r\/[sm])$/, 'a rate like "30r/s" or "90r/m", or "off"');

/** An amount of memory in Go's syntax: less than an instance needs would have it collect garbage all the time. */
export const memory = text(
  /^(?:3[2-9]|[4-9]\d|[1-9]\d\d|[1-3]\d{3}|40[0-8]\d|409[0-6])MiB$/,
  'memory from "32MiB" to "4096MiB"',
);

/** A delegated permission of an API of your own. */
export const apiScope = text(
  /^api:\/\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\/[\w.-]{1,120}$/,
  'an API\'s client ID and its scope like "api://7e57ab1e-0000-4000-8000-00000000000a/read"',
);

/** `true` or `false`. */
export const flag = z.boolean({ error: expected("true or false") });

/** The value of an app role, without characters that separate in a list, a header or a URL. */
export const roleValue = text(/^[A-Za-z0-9][\w.-]{0,119}$/, 'the name of a role like "reader"');

/** A display name, such as that of a group. */
export const displayName = text(/^\S(?:[^\u0000-\u001f\u007f]{0,254}\S)?$/, 'a name like "Wiki readers"');

/** An e-mail address. */
export const emailAddress = text(
  new RegExp(`^[\\w.+-]{1,64}@${hostName}$`),
  'an e-mail address like "hosts@example.com"',
);

/** Who may embed pages in a frame. */
export const frameAncestor = text(
  new RegExp(`^(?:self|\\*|https://(?:\\*\\.)?${hostName}(?::[1-9][0-9]{0,4})?)$`),
  'self, "*" or an origin like "https://portal.example.com"',
);

/** The value of a Permissions-Policy header. */
export const permissionsPolicy = text(
  /^(?=.{1,500}$)[a-z-]+=(?:\*|\([a-z"*:/. -]*\))(?:, ?[a-z-]+=(?:\*|\([a-z"*:/. -]*\)))*$/,
  'features like "camera=(), microphone=(self)"',
);

/** A user's sign-in name. */
export const userPrincipalName = text(
  new RegExp(`^[\\w.!#^~'-]{1,64}@${hostName}$`, "i"),
  'a user\'s sign-in name like "ada@example.com"',
);

/** A user, by the name or the object ID. */
export const owner = z
  .string({ error: expected('a user like "ada@example.com", or the object ID of one') })
  .refine((it) => userPrincipalName.safeParse(it).success || guid.safeParse(it).success, {
    error: expected('a user like "ada@example.com", or the object ID of one'),
  });

/** A Unix user name. */
export const userName = text(/^[a-z_][a-z0-9_-]{0,31}$/, 'a user name like "admin"');

/** An https URL without characters that are special to a shell, Nginx or systemd. */
export const httpsUrl = text(
  new RegExp(`^https://${hostName}(?::[1-9][0-9]{0,4})?(?:/[\\w.~+-]+)*/?$`),
  'a URL like "https://downloads.example.com/file.tar.gz"',
);

/** A forward proxy, without credentials, which would be readable in units and previews. */
export const proxyUrl = text(
  new RegExp(`^http://(?:${label}(?:\\.${label})*|\\[[0-9a-f:]{2,39}\\]):[1-9][0-9]{0,4}$`),
  'a proxy\'s scheme, host and port like "http://proxy.example.com:3128"',
);

/** A SHA-256 in lower-case hexadecimal. */
export const sha256 = text(/^[0-9a-f]{64}$/, "a SHA-256 of 64 hexadecimal digits");

/** A version of three numbers. */
export const version = text(/^[0-9]+\.[0-9]+\.[0-9]+$/, 'a version like "7.15.5"');

/** Every issue of a schema as a {@link Problem}, unknown keys with the closest known one. */
export function problemsOf(
  schema: z.ZodType,
  error: z.ZodError,
  whereIs: (path: readonly PropertyKey[]) => { readonly where: string; readonly field: string },
): Problem[] {
  return error.issues.flatMap((issue): Problem[] => {
    if (issue.code === "unrecognized_keys") {
      const known = knownKeys(schema, issue.path);
      return issue.keys.map((key) => {
        const { where, field } = whereIs([...issue.path, key]);
        const nearest = known.length > 0 ? `; did you mean "${closest(key, known)}"?` : "";
        return { where, what: `"${field || key}" is not a known key${nearest}` };
      });
    }
    const { where, field } = whereIs(issue.path);
    return [{ where, what: [field, issue.message].filter(Boolean).join(" ") }];
  });
}

function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: unknown = schema;
  for (const key of path) {
    at = unwrap(at);
    if (at instanceof z.ZodObject) at = at.shape[String(key)];
    else if (at instanceof z.ZodArray) at = at.element;
    else if (at instanceof z.ZodRecord) at = at.valueType;
  }
  at = unwrap(at);
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function unwrap(schema: unknown): unknown {
  let at = schema;
  for (;;) {
    if (at instanceof z.ZodOptional || at instanceof z.ZodDefault || at instanceof z.ZodPrefault)
      at = at.unwrap();
    else if (at instanceof z.ZodPipe) at = at.in;
    else return at;
  }
}
