/** Request headers of which no client chooses what the next hop gets: what Nginx says itself, or nothing. */
import { identityHeaders } from "./identity-headers.ts";

/** What the next hop learns of the connection; forwarded.ts says of each what. */
export const connectionHeaders = [
  "X-Real-IP",
  "X-Request-Id",
  "X-Forwarded-For",
  "X-Forwarded-Proto",
  "X-Forwarded-Host",
  "X-Forwarded-Port",
  "X-Forwarded-Uri",
] as const;

/** Names that proxies and their applications use in common, for who is there and from where. */
const inCommon = [
  "X-Forwarded-User",
  "X-Forwarded-Email",
  "X-Forwarded-Groups",
  "X-Forwarded-Preferred-Username",
  "X-Forwarded-Access-Token",
  "X-Forwarded-Client-Cert",
  "X-Forwarded-Method",
  "X-Forwarded-Prefix",
  "X-Forwarded-Scheme",
  "X-Forwarded-Server",
  "X-Forwarded-Ssl",
  "Remote-User",
  "Remote-Name",
  "Remote-Email",
  "Remote-Groups",
  "X-Remote-User",
  "X-Webauth-User",
  "X-User",
  "X-Client-IP",
  "True-Client-IP",
  "X-Original-URL",
  "X-Original-URI",
  "X-Original-Method",
  "X-Rewrite-URL",
  "Forwarded",
  "Proxy",
  "Proxy-Authorization",
  "GAP-Auth",
  "GAP-Signature",
];

/**
 * Names by which single applications take somebody for signed in, where they are told that a proxy has done that: those
 * that are their defaults, or the only ones in their documentation.
 */
const ofApplications: Readonly<Record<string, readonly string[]>> = {
  "Grafana, Gitea, Forgejo": [
    "X-Webauth-Name",
    "X-Webauth-Fullname",
    "X-Webauth-Email",
    "X-Webauth-Login",
    "X-Webauth-Role",
    "X-Webauth-Groups",
  ],
  Jenkins: ["X-Forwarded-Mail", "X-Forwarded-DisplayName"],
  SonarQube: ["X-Forwarded-Login", "X-Forwarded-Name"],
  Rundeck: ["X-Forwarded-Uuid", "X-Forwarded-Roles"],
  "OpenSearch, Elasticsearch": ["X-Proxy-User", "X-Proxy-Roles"],
  CloudBeaver: ["X-Role", "X-Team", "X-First-Name", "X-Last-Name"],
  "Open WebUI": ["X-User-Email", "X-User-Name"],
  Etherpad: ["X-Authenticated-User", "X-Authenticated-Name"],
  Kubeflow: ["Kubeflow-Userid"],
  // What an application reads that has moved from there.
  "Azure App Service": [
    "X-MS-Client-Principal",
    "X-MS-Client-Principal-Id",
    "X-MS-Client-Principal-Name",
    "X-MS-Client-Principal-IdP",
  ],
};

/** Other names under which backends look for who is there and from where: always blank. */
export const blankHeaders: readonly string[] = [...inCommon, ...Object.values(ofApplications).flat()];

/** By which some applications take a request for one with another method: blank where only some methods are open. */
export const otherMethodHeaders = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] as const;

/** By which somebody may be taken for somebody else. */
export const namingHeaders: readonly string[] = identityHeaders.map(([, name]) => name);

/** All that every next hop gets from Nginx, or does not get. */
export const overwrittenHeaders: readonly string[] = [
  "Host",
  ...connectionHeaders,
  ...blankHeaders,
  ...namingHeaders,
  "X-Auth-Request-Redirect",
  "Connection",
];
