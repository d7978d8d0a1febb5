/** Alertmanager, to which Prometheus and amtool come with a token of the tenant that they ask for themselves. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "vitest";

import { tenantId } from "../sites.ts";
import { type Application, type Place, program, readers } from "./application.ts";
import { debianPackages, inRoot } from "./packages.ts";
import type { Visit } from "./visit.ts";

/** How programs of Prometheus get a token: JSON is YAML, too. */
const oauth2 = ({ robot, clientId }: Place) => ({
  oauth2: {
    client_id: robot.clientId,
    client_secret: robot.clientSecret,
    token_url: `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`,
    scopes: [`${clientId}/.default`],
  },
});

const alertmanager = {
  route: { receiver: "nobody", group_wait: "0s", group_interval: "1s" },
  receivers: [{ name: "nobody" }],
};

const prometheus = (place: Place) => ({
  global: { evaluation_interval: "1s" },
  rule_files: ["/etc/prometheus/lab-rules.yml"],
  alerting: {
    alertmanagers: [
      {
        ...{ scheme: "https", static_configs: [{ targets: [new URL(place.origin).host] }] },
        ...oauth2(place),
      },
    ],
  },
});

const rules = { groups: [{ name: "lab", rules: [{ alert: "AlwaysThere", expr: "vector(1)" }] }] };

const both = `
prometheus --rules.alert.resend-delay=1s --config.file=/etc/prometheus/lab.yml --storage.tsdb.path=/srv/prometheus --web.listen-address=127.0.0.1:0 &
exec prometheus-alertmanager --config.file=/etc/prometheus/lab-alertmanager.yml --storage.path=/srv/alertmanager \\
  --cluster.listen-address= --web.listen-address="$1" --web.external-url="$2"`;

/** Runs amtool, which asks for a token unless it is told not to. */
const amtool = (
  { run, installed, folder, origin }: Visit,
  args: readonly string[],
  files = ["--http.config.file=/etc/http.yml"],
) =>
  run(
    inRoot(installed["prometheus"] ?? "", join(folder, "amtool"), [
      ...["amtool", `--alertmanager.url=${origin}`],
      ...files,
      ...args,
    ]),
  );

export const alertmanagers: Application = {
  name: "alertmanager",
  title: "Alertmanager 0.25.0 with Prometheus 2.42.0 and amtool",
  packages: { prometheus: debianPackages(["prometheus", "prometheus-alertmanager"]) },
  site: { roles: [{ value: "member", groups: [readers], applications: [program] }] },

  start: async (place) => {
    const { address, port, origin, folder, installed } = place;
    const put = async (file: string, content: object) => {
      await mkdir(join(folder, file, ".."), { recursive: true });
      await writeFile(join(folder, file), JSON.stringify(content), { mode: 0o600 });
    };
    await put("files/etc/prometheus/lab.yml", prometheus(place));
    await put("files/etc/prometheus/lab-rules.yml", rules);
    await put("files/etc/prometheus/lab-alertmanager.yml", alertmanager);
    await put("amtool/files/etc/http.yml", oauth2(place));
    const command = ["sh", "-euc", both, "sh", `${address}:${port}`, origin];
    return { command: inRoot(installed["prometheus"] ?? "", folder, command) };
  },

  facts: {
    "Prometheus sends an alert with a token of the tenant, and somebody signed in reads it in a browser":
      async ({ open, failures }) => {
        const page = await open("/api/v2/alerts");
        const shown = async () => {
          await page.reload();
          return page.locator("body").innerText();
        };
        await expect.poll(shown, { timeout: 60_000 }).toContain("AlwaysThere");
        expect(failures).toEqual([]);
      },

    "amtool silences it with a token, and without one may not even ask": async (visit) => {
      await expect(amtool(visit, ["alert"], [])).rejects.toThrow(/401|Unauthorized/i);
      await amtool(visit, ["silence", "add", "alertname=AlwaysThere", "--author=robot", "--comment=a test"]);
      await expect
        .poll(() => amtool(visit, ["alert", "query", "--silenced"]), { timeout: 30_000 })
        .toContain("AlwaysThere");
    },

    "after a restart Prometheus reaches it again": async (visit) => {
      await visit.restart();
      await expect
        .poll(() => amtool(visit, ["alert", "query", "--active", "--silenced"]).catch(String), {
          timeout: 60_000,
        })
        .toContain("AlwaysThere");
    },
  },
};
