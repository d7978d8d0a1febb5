import { expect, test } from "vitest";

import { sharedNginx } from "../../../components/render/nginx/shared-nginx.ts";
import { nginxSite } from "../../../components/render/nginx/site.ts";
import { site } from "../../sites.ts";
import { readNginx } from "../../../components/nginx/read.ts";

const serversOf = (text: string, start: string) =>
  readNginx(text)
    .find(({ name, args }) => name === "upstream" && args[0]?.startsWith(start) === true)
    ?.body?.filter(({ name }) => !name.startsWith("keepalive"))
    .map(({ name, args }) => [name, ...args].join(" "));

test("Nginx resolves no backend name: each is a file of addresses that the host updates", () => {
  const text = nginxSite(
    site({
      upstream: "https://app",
      backupUpstreams: [
        "https://app.internal.example.com:8443",
        "https://10.0.0.6",
        "https://[2001:db8::7]:9443",
      ],
    }),
  );
  expect(serversOf(text, "backend_")).toEqual([
    "include /etc/protected-sites/addresses/app_443.conf",
    "include /etc/protected-sites/addresses/app.internal.example.com_8443_backup.conf",
    "server 10.0.0.6:443 max_fails=0 backup",
    "server [2001:db8::7]:9443 max_fails=0 backup",
  ]);
  expect(serversOf(sharedNginx(["edge-1.example.com", "10.0.0.12", "2001:db8::12"]), "acme_")).toEqual([
    "include /etc/protected-sites/addresses/edge-1.example.com_80.conf",
    "server 10.0.0.12:80 max_fails=0",
    "server [2001:db8::12]:80 max_fails=0",
  ]);
});
