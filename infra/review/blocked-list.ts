/** The list of who is blocked, as Nginx reads it. */
import { type ReadDirective, readNginx } from "../../components/nginx/read.ts";
import type { Definitions } from "../../components/nginx/variables.ts";
import { blockedVariable } from "../../components/render/nginx/blocked.ts";
import { blockedFile } from "../../components/site/names.ts";

/**
 * The UPNs in the list, in lower case; none if no map of a host includes it.
 * @param text of the list
 * @param maps of the host's `http {}`
 */
export function blockedIn(text = "", maps: Definitions): string[] {
  const includes = ({ body = [] }: ReadDirective) =>
    body.some(({ name, args }) => name === "include" && args[0] === blockedFile);
  if (!maps.has(blockedVariable.slice(1)) || ![...maps.values()].some(includes)) return [];
  return readNginx(text).map(({ name }) =>
    name
      .replace(/^~\*\^(.*)\$$/, "$1")
      .replaceAll(/\\(.)/g, "$1")
      .toLowerCase(),
  );
}

/** Whether what passes a request to a backend does not for somebody on the list. */
export function keepsBlockedOut(pass: ReadDirective | undefined): boolean {
  return pass?.args[0]?.includes(blockedVariable) === true;
}
