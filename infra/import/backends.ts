/** Where a location passes requests on to, as a site's settings name it. */
import type { ReadDirective } from "../../components/nginx/read.ts";
import { upstreamUrl } from "../../components/site/checks.ts";
import type { Part, Server } from "./server.ts";

/** A backend that a site's settings can name, or why they cannot. */
export type Backend =
  | {
      readonly upstream: string;
      readonly others: readonly string[];
      /** What replaces the location's path; undefined if the request's path is passed on unchanged. */
      readonly replaces?: string;
    }
  | { readonly problem: string };

/** The backend of a location. */
export function backendOf(server: Server, part: Part): Backend {
  const { pass } = part;
  if (pass === undefined) return { problem: "is of files of the host itself, and a site needs a backend" };
  const match = /^(proxy|grpc)_pass$/.exec(pass.name);
  if (match === null) return { problem: `${pass.name} is not HTTP; the backend needs a server of its own` };
  const written = resolved(server, part, pass.args[0] ?? "");
  const socket = /^http:\/\/unix:([^:]+)(?::(.*))?$/.exec(written);
  if (socket !== null) return asBackend(`unix:${socket[1] ?? ""}`, [], socket[2]);
  const [, scheme = "", host = "", rest] = /^(?:(\w+):\/\/)?([^/]+)(\/.*)?$/s.exec(written) ?? [];
  const path = /^\/?\$(?:request_uri|uri)$/.test(rest ?? "")
    ? undefined
    : rest?.replace(/\$is_args\$args$/, "");
  const group = server.http.find(({ name, args }) => name === "upstream" && args[0] === host);
  const [first = host, ...others] = group === undefined ? [host] : serversOf(group);
  const prefix = match[1] === "grpc" ? (scheme === "" ? "grpc" : scheme) : scheme;
  const at = (it: string) => (it.startsWith("unix:") ? it : `${prefix}://${it.toLowerCase()}`);
  return asBackend(at(first), others.map(at), path);
}

/** A servers' address at the group's, without those that are down; backups last. */
function serversOf({ body = [] }: ReadDirective): string[] {
  const servers = body.filter(({ name, args }) => name === "server" && !args.includes("down"));
  const isBackup = ({ args }: ReadDirective) => args.includes("backup");
  return [...servers.filter((it) => !isBackup(it)), ...servers.filter(isBackup)].map(
    ({ args }) => args[0] ?? "",
  );
}

function asBackend(upstream: string, others: readonly string[], path: string | undefined): Backend {
  const wrong = [upstream, ...others].find((it) => !upstreamUrl.safeParse(it).success);
  if (wrong !== undefined) return { problem: `"${wrong}" cannot be the address of a backend` };
  return { upstream, others, ...(path === undefined ? {} : { replaces: path }) };
}

/** A text with the values of variables that are constants there. */
function resolved(server: Server, part: Part, text: string): string {
  const constants = [...(part.directive.body ?? []), ...(server.directive.body ?? [])].filter(
    ({ name }) => name === "set",
  );
  const value = (name: string) => constants.filter(({ args }) => args[0] === `$${name}`);
  return text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced?: string, plain?: string) => {
    const [only, ...more] = value(braced ?? plain ?? "");
    const constant = only?.args[1] ?? "$";
    return more.length > 0 || constant.includes("$") ? whole : constant;
  });
}
