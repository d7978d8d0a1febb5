/** `npm run explain`: whether a request passes, what the backend gets of it, and which line of which file decides. */
import type { Command } from "commander";

import { CannotJudge } from "../../components/nginx/cannot-judge.ts";
import { paths } from "../../components/site/names.ts";
import type { Site } from "../../components/site/site.ts";
import type { Environment } from "../environment.ts";
import type { SiteReading } from "../review/gate.ts";
import { type AskedRequest, counts, type Gate, passes, type Place } from "../review/needs.ts";
import { lineAt } from "../review/problem-lines.ts";
import { requestTo, siteReadings } from "../review/site-readings.ts";
import { configPath, environmentOf, readStackFile, settingPath, type StackFile } from "../stack-file.ts";
import { action, exitCodes, named, printJson } from "./command.ts";
import { jsonOption, stackOption } from "./options.ts";

/** Somebody who is signed in, or an application that calls with a token. */
export interface SignedIn {
  /** For an application, the object ID in its tokens. */
  readonly upn: string;
  /** Object IDs of groups; a role of the site is `role <value>`. */
  readonly groups: readonly string[];
}

/** What happens with a request. */
export interface Explanation {
  readonly passes: boolean;
  readonly verdict: string;
  /** `<file>:<line>: <text>`, the most relevant first. */
  readonly because: readonly string[];
  /** The headers that the backend gets; empty ones are those that a client cannot set. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/**
 * Reads an environment once, for any number of requests.
 * @throws ConfigError with everything that is wrong in the file
 * @returns explains a request; throws ConfigError if no site of the environment has the URL's host
 */
export function explainer(file: StackFile): (url: string, method?: string, person?: SignedIn) => Explanation {
  const environment = environmentOf(file);
  const readingOf = siteReadings(environment);
  return (url, method = "GET", person) => {
    const { site, request } = requestTo(url, method, environment, file.source);
    return explain({ file, environment, site, reading: readingOf(site), request, person });
  };
}

interface Question {
  readonly file: StackFile;
  readonly environment: Environment;
  readonly site: Site;
  readonly reading: SiteReading;
  readonly request: AskedRequest;
  readonly person: SignedIn | undefined;
}

function explain({ file, environment, site, reading, request, person }: Question): Explanation {
  const gate = reading.gate(request);
  const enters =
    gate.to.kind === "content" &&
    (gate.needs === undefined || (person !== undefined && passes(gate.needs, person)));
  const at = paths(site.domain);
  const place = ({ file: name, line, text: words }: Place) =>
    `${{ "nginx.conf": at.nginx, "oauth2-proxy.cfg": at.oauth2Proxy }[name] ?? name}:${line}: ${words}`;
  const setting = (key: string) => lineAt(file.text, file.document, settingPath(file, site.name, key));
  const settings =
    gate.needs === undefined
      ? []
      : [
          `${file.source}:${setting("emailDomains")}: emailDomains ${site.emailDomains.join(", ")}`,
          ...(site.allowedGroups.length > 0
            ? [`${file.source}:${setting("allowedGroups")}: allowedGroups ${site.allowedGroups.join(", ")}`]
            : []),
        ];
  const blocked = isBlocked(gate, person)
    ? environment.blocked.flatMap(({ user, why }, index) =>
        user.toLowerCase() === person?.upn.toLowerCase()
          ? [
              `${file.source}:${lineAt(file.text, file.document, configPath("blocked", index))}: blocked: ${why}`,
            ]
          : [],
      )
    : [];
  const program = person !== undefined && gate.needs?.programs.includes(person.upn) === true;
  const valueFor = (name: string) => valueOf(name, gate.needs === undefined ? undefined : person, program);
  return {
    passes: enters,
    verdict: verdictOf(gate, enters, person),
    because: [...blocked, ...gate.places.map(place), ...settings],
    headers: enters ? reading.headersFor(gate, request, valueFor) : [],
  };
}

function isBlocked({ needs }: Gate, person: SignedIn | undefined): boolean {
  return person !== undefined && needs?.blocked?.includes(person.upn.toLowerCase()) === true;
}

function verdictOf(gate: Gate, enters: boolean, person: SignedIn | undefined): string {
  const { to, needs, ends } = gate;
  if (to.kind === "answer")
    return `Nginx answers ${to.status}${to.location === undefined ? "" : ` to ${to.location}`}`;
  if (to.kind === "sign-in") return "is part of the sign-in, which is open to everybody";
  if (needs === undefined)
    return `passes without signing in, to ${to.what}${ends === undefined ? "" : `, until ${ends.toJSON()}`}`;
  if (enters) return `passes, to ${to.what}`;
  if (person === undefined) return "denied: a browser is redirected to sign in, anything else gets 401";
  if (isBlocked(gate, person)) return `denied: ${person.upn} is blocked at every site`;
  const ended = needs.groups
    .flat()
    .find((it) => person.groups.includes(it) && !counts(needs, it, person.upn));
  if (ended !== undefined && passes({ ...needs, ended: [] }, person))
    return `denied: ${ended} of ${person.upn} has ended`;
  const domain = passes({ ...needs, groups: [] }, person);
  const missing = needs.groups.find((any) => !any.some((it) => person.groups.includes(it)));
  return domain
    ? `denied: ${person.upn} is in none of ${missing?.join(", ") ?? ""}`
    : `denied: ${person.upn} is in none of ${needs.emailDomains.map((it) => `@${it}`).join(", ")}`;
}

/** The values of Nginx's variables for a request of this person; `<…>` stands for what only a real request has. */
function valueOf(name: string, person: SignedIn | undefined, program: boolean): string | undefined {
  const unknown: Record<string, string> = {
    remote_addr: "<the client's address>",
    request_id: "<a new ID>",
    protected_sites_cookie: "<its cookies, without those of the sign-in>",
  };
  if (unknown[name] !== undefined) return unknown[name];
  if (!name.startsWith("upstream_")) return undefined;
  if (person === undefined) return "";
  const answered: Record<string, string> = {
    upstream_status: "202",
    upstream_http_x_auth_request_preferred_username: program ? "" : person.upn,
    upstream_http_x_auth_request_email: person.upn,
    upstream_http_x_auth_request_groups: person.groups.map((it) => it.replace(/^role /, "")).join(","),
    upstream_http_x_auth_request_access_token: program ? "<its token>" : "<the access token>",
    upstream_http_authorization: program ? "Bearer <its token>" : "Bearer <the ID token>",
  };
  return answered[name] ?? "";
}

interface Options {
  readonly stack: string;
  readonly method: string;
  readonly user?: string;
  readonly groups?: string[];
  readonly roles?: string[];
  readonly json?: true;
}

export function command(): Command {
  return named("explain")
    .argument("<url>", "for example https://wiki.example.com/admin")
    .addOption(stackOption())
    .option(
      "--user <upn>",
      "who is signed in, such as ada@example.com, or an application's object ID; default: nobody",
    )
    .option("--groups <id...>", "object IDs of their groups")
    .option("--roles <value...>", "their roles on the site")
    .option("--method <method>", "", "GET")
    .addOption(jsonOption())
    .addHelpText("after", "\nExit code 1: the request is denied; 2: the file cannot be judged.")
    .action(action(answer, CannotJudge));
}

function answer(given: string, options: Options): void {
  const { stack, method, user, groups = [], roles = [], json } = options;
  const person =
    user === undefined ? undefined : { upn: user, groups: [...groups, ...roles.map((it) => `role ${it}`)] };
  const explained = explainer(readStackFile(stack))(given, method, person);
  if (json) printJson("explain", explained);
  else {
    const sent = explained.headers.filter(([, value]) => value !== "");
    const blank = explained.headers
      .filter(([name, value]) => value === "" && !["Upgrade", "Connection", "Cookie"].includes(name))
      .map(([name]) => name);
    console.log(`${method} ${given} as ${person?.upn ?? "nobody"}: ${explained.verdict}`);
    console.log(["", "because of", ...explained.because.map((it) => `  ${it}`)].join("\n"));
    if (explained.headers.length > 0) {
      const width = Math.max(...sent.map(([name]) => name.length));
      console.log(
        ["", "the backend gets", ...sent.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)].join(
          "\n",
        ),
      );
      console.log(`\nand never, even if a client sends it\n  ${blank.join(", ")}`);
    }
  }
  if (!explained.passes) process.exitCode = exitCodes.found;
}
