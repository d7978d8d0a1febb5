/** Applications of a test's own behind the site `code`, on the first host, by pushes of the test's own. */
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

import { bundle } from "../../components/host/bundle.ts";
import { siteFiles } from "../../components/render/site-files.ts";
import type { SiteSettings } from "../../components/site/settings.ts";
import { siteFrom } from "../../components/site/site.ts";
import { tenantId } from "../sites.ts";
import { lab } from "./instance.ts";
import { runOn, shellOn } from "./on-hosts.ts";

const [host = { name: "", address: "" }] = lab.hosts;
const push = ["/usr/local/sbin/protected-sites", "push"];
const open = new Set<Server>();

/** The address of this end of the lab. */
export const here = "192.0.2.3";

/** What the stack has pushed, for {@link giveBack}. */
export function servedByStack(): Promise<string> {
  return shellOn(host.name, "cat /etc/protected-sites/sites/code.lab.test/current/bundle");
}

/** Has the host serve the site with these settings: the push proves that it is as closed as before. */
export async function serve(settings: Partial<SiteSettings>): Promise<void> {
  const args = {
    domain: "code.lab.test",
    port: 4180,
    upstream: `http://${here}:1`,
    emailDomains: ["lab.test"],
  };
  const site = siteFrom("code", { ...args, ...settings });
  await runOn(host.name, push, bundle(siteFiles(site, { tenantId, allowVulnerableOauth2Proxy: true })));
}

/** @param bundle from {@link servedByStack} */
export async function giveBack(bundle: string): Promise<void> {
  await runOn(host.name, push, `${bundle}\n`);
}

/** Starts an application. @returns its address and port */
export async function backend(
  answer: RequestListener,
  tls?: { readonly cert: string; readonly key: string },
): Promise<string> {
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  open.add(server);
  server.listen(0, here);
  await once(server, "listening");
  return `${here}:${(server.address() as AddressInfo).port}`;
}

/** Ends every application. */
export function closeBackends(): void {
  for (const server of open) {
    server.closeAllConnections();
    server.close();
  }
  open.clear();
}
