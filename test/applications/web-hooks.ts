/** Alertmanager's webhook: it notifies a receiver behind a site, with a token of the tenant that it requests itself. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "vitest";

import { tenantId } from "../sites.ts";
import { type Application, type Place, program, readers } from "./application.ts";
import { debianPackages, inRoot } from "./packages.ts";
import type { Visit } from "./visit.ts";

/** Keeps what it is told, and who told it, in a file; shows that to a browser. */
const receiver = `
import http.server, json, os, sys

class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        alerts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]
        with open("received", "a") as file:
            for alert in alerts:
                print(alert["labels"]["alertname"], alert["status"], self.headers["X-Auth-Request-Email"],
                      self.headers["X-Auth-Request-Roles"], self.headers["Authorization"], file=file)
        self.send_response(204)
        self.end_headers()

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        if os.path.exists("received"):
            self.wfile.write(open("received", "rb").read())

http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Receiver).serve_forever()
`;

const alertmanager = ({ origin, robot, clientId }: Place) => ({
  route: { receiver: "site", group_wait: "0s", group_interval: "1s" },
  receivers: [
    {
      name: "site",
      webhook_configs: [
        {
          url: `${origin}/alerts`,
          http_config: {
            oauth2: {
              client_id: robot.clientId,
              client_secret: robot.clientSecret,
              token_url: `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`,
              scopes: [`${clientId}/.default`],
            },
          },
        },
      ],
    },
  ],
});

/** Alertmanager is behind no site here: it only sends. */
const manager = "http://127.0.0.1:9093";

const amtool = ({ run, installed, folder }: Visit, ...args: readonly string[]) =>
  run(
    inRoot(installed["prometheus"] ?? "", join(folder, "amtool"), [
      ...["amtool", `--alertmanager.url=${manager}`, ...args],
    ]),
  );

export const webHooks: Application = {
  name: "web-hooks",
  title: "Alertmanager 0.25.0 webhooks",
  packages: { prometheus: debianPackages(["prometheus", "prometheus-alertmanager"]) },
  site: { roles: [{ value: "member", groups: [readers], applications: [program] }] },

  start: async (place) => {
    const { address, port, folder, installed } = place;
    await mkdir(join(folder, "files/etc/prometheus"), { recursive: true });
    const file = join(folder, "files/etc/prometheus/lab.yml");
    await writeFile(file, JSON.stringify(alertmanager(place)), { mode: 0o600 });
    const alerts = inRoot(installed["prometheus"] ?? "", folder, [
      ...["prometheus-alertmanager", "--config.file=/etc/prometheus/lab.yml"],
      ...["--storage.path=/srv/alertmanager", "--cluster.listen-address="],
      `--web.listen-address=${new URL(manager).host}`,
    ]);
    const script = 'python3 -c "$1" "$2" "$3" & shift 3; exec "$@"';
    return { command: ["sh", "-euc", script, "sh", receiver, address, String(port), ...alerts] };
  },

  facts: {
    "an alert comes in with a token of the tenant, and somebody signed in reads it": async (visit) => {
      const page = await visit.open("/");
      const sent = () => amtool(visit, "alert", "add", "alertname=DiskFull");
      await expect.poll(() => sent().then(() => "sent", String), { timeout: 60_000 }).toBe("sent");
      const shown = async () => {
        await page.reload();
        return page.locator("body").innerText();
      };
      await expect.poll(shown, { timeout: 60_000 }).toMatch(/^DiskFull firing [0-9a-f-]{36} member None$/m);
      expect(visit.failures).toEqual([]);
    },

    "without a token nothing comes in": async ({ ask }) => {
      const body = JSON.stringify({ alerts: [{ labels: { alertname: "Forged" }, status: "firing" }] });
      for (const headers of [{ cookie: "" }, { cookie: "", authorization: "Bearer none" }])
        expect(await ask("/alerts", { method: "POST", body, headers })).toMatchObject({ status: 401 });
      const { body: kept } = await ask("/");
      expect(kept).not.toContain("Forged");
    },

    "after a restart the next alert comes in": async (visit) => {
      await visit.restart();
      const sent = () => amtool(visit, "alert", "add", "alertname=DiskFullAgain");
      await expect.poll(() => sent().then(() => "sent", String), { timeout: 60_000 }).toBe("sent");
      const kept = async () => (await visit.ask("/")).body;
      await expect.poll(kept, { timeout: 60_000 }).toContain("DiskFullAgain firing");
    },
  },
};
