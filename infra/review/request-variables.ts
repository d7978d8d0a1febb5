import { normalized } from "./locations.ts";
import type { AskedRequest } from "./needs.ts";

/** The value of a variable that the request itself gives; undefined for one that this review does not know. */
export function requestVariable(
  domain: string,
  name: string,
  request: AskedRequest,
  path?: string,
): string | undefined {
  const [rawPath = "", query = ""] = request.target.split(/\?(.*)/s);
  switch (name) {
    case "msec":
      return ((request.at ?? new Date()).getTime() / 1000).toFixed(3);
    case "scheme":
      return request.scheme;
    case "host":
    case "http_host":
    case "server_name":
      return domain;
    case "request_method":
      return request.method;
    case "request_uri":
      return request.target;
    case "uri":
    case "document_uri":
      return path ?? normalized(rawPath) ?? rawPath;
    case "args":
    case "query_string":
      return query;
    case "is_args":
      return query === "" ? "" : "?";
  }
  if (name.startsWith("http_")) return request.headers?.[name.slice(5).replaceAll("_", "-")] ?? "";
  // Before the subrequest there is no response of oauth2-proxy.
  if (/^(?:cookie|upstream|arg|oauth2|protected_sites)_/.test(name)) return "";
  return undefined;
}
