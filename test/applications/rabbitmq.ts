/** RabbitMQ's management page and API, whose paths call the virtual host `/` by `%2F`. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Page } from "playwright-core";
import { expect } from "vitest";

import type { RequestArgs } from "../lab/http.ts";
import type { Application } from "./application.ts";
import { debianPackages, inRoot } from "./packages.ts";
import type { Visit } from "./visit.ts";

const password = randomBytes(12).toString("hex");
const basic = `Basic ${Buffer.from(`operator:${password}`).toString("base64")}`;

const configuration = (address: string, port: number) => `
listeners.tcp.1 = 127.0.0.1:5672
management.tcp.ip = ${address}
management.tcp.port = ${port}
default_user = operator
default_pass = ${password}
`;

const environment = {
  RABBITMQ_NODENAME: "rabbit@localhost",
  RABBITMQ_CONFIG_FILE: "/etc/rabbitmq/lab",
  RABBITMQ_LOGS: "-",
  ERL_EPMD_ADDRESS: "127.0.0.1",
};

/** Runs its command line client, which comes with the password and knows nothing of a sign-in. */
const rabbitmqadmin = ({ run, installed, folder, origin }: Visit, ...args: readonly string[]) =>
  run(
    inRoot(installed["rabbitmq"] ?? "", join(folder, "client"), [
      ...[
        "sh",
        "-euc",
        'exec python3 /usr/lib/rabbitmq/lib/*/plugins/*/priv/www/cli/rabbitmqadmin "$@"',
        "sh",
      ],
      ...["--ssl", "--ssl-ca-cert-file=/etc/ssl/lab.pem", `--host=${new URL(origin).host}`, "--port=443"],
      ...["--username=operator", `--password=${password}`, ...args],
    ]),
  );

async function logIn(page: Page): Promise<void> {
  await page.locator("input[name=username]").fill("operator");
  await page.locator("input[name=password]").fill(password);
  await page.getByRole("button", { name: "Login" }).click();
  await page.locator("#tabs").waitFor();
}

/** Opens a part of a page that is folded at first. */
const unfold = (page: Page, title: string) => page.getByRole("heading", { name: title, exact: true }).click();

export const rabbitmq: Application = {
  name: "rabbitmq",
  title: "RabbitMQ 3.10.8",
  packages: { rabbitmq: debianPackages(["rabbitmq-server", "python3"]) },
  site: {
    passAuthorization: true,
    open: [
      {
        path: "/api/exchanges/",
        match: "prefix",
        methods: ["POST"],
        passAuthorization: true,
        why: "The build server publishes with a password, which RabbitMQ checks itself.",
      },
    ],
  },

  start: async ({ address, port, folder, installed: { rabbitmq: root = "" } }) => {
    await mkdir(join(folder, "files/etc/rabbitmq"), { recursive: true });
    await writeFile(join(folder, "files/etc/rabbitmq/lab.conf"), configuration(address, port));
    await writeFile(join(folder, "files/etc/rabbitmq/enabled_plugins"), "[rabbitmq_management].\n");
    return { command: inRoot(root, folder, ["/usr/lib/rabbitmq/bin/rabbitmq-server"]), environment };
  },

  facts: {
    "after the sign-in its own page takes a password of its own, and makes a queue in the virtual host /":
      async ({ open, failures }) => {
        const page = await open("/#/queues");
        await logIn(page);
        await page.getByText("Add a new queue").click();
        await page.locator("input[name=name]").fill("builds");
        await page.getByRole("button", { name: "Add queue" }).click();
        await page.getByRole("link", { name: "builds", exact: true }).click();
        await page.getByRole("heading", { name: "Queue builds" }).waitFor();
        expect(page.url()).toBe("https://rabbitmq.lab.test/#/queues/%2F/builds");
        expect(failures).toEqual([]);
      },

    "its API reads %2F as it was written, for a program with a session and the password": async ({ ask }) => {
      const queue = (path: string, more: Partial<RequestArgs> = {}) =>
        ask(`/api/queues/${path}`, { headers: { authorization: basic }, ...more });
      expect(await queue("%2F/a%2Fb%20c", { method: "PUT", body: "{}" })).toMatchObject({ status: 201 });
      for (const path of ["%2F/a%2Fb%20c", "%2f/a%2fb%20c"])
        expect(JSON.parse((await queue(path)).body)).toMatchObject({ vhost: "/", name: "a/b c" });
      expect(await queue("%2F/builds", { headers: {} })).toMatchObject({ status: 401 });
    },

    "its own client publishes by the open path, and the open page shows the message by itself": async (
      visit,
    ) => {
      const page = visit.tab();
      const publish = () =>
        rabbitmqadmin(visit, "publish", "exchange=amq.default", "routing_key=builds", "payload=number 4711");
      expect(await publish()).toBe("Message published");
      await expect(rabbitmqadmin(visit, "list", "queues")).rejects.toThrow(/Access refused/);
      const shown = () => page.locator("#main").innerText();
      await expect.poll(shown, { timeout: 60_000 }).toMatch(/Ready\s+1\b/);
      await unfold(page, "Get messages");
      await page.getByRole("button", { name: "Get Message(s)" }).click();
      await page.getByText("number 4711").waitFor();
    },

    "definitions come down as a file, and go up again": async ({ tab, failures }) => {
      const page = tab();
      await page.goto("https://rabbitmq.lab.test/#/");
      await unfold(page, "Export definitions");
      const [saved] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Download broker definitions" }).click(),
      ]);
      const file = await saved.path();
      expect(await readFile(file, "utf8")).toContain('"name":"a/b c"');
      await unfold(page, "Import definitions");
      await page.locator("input[type=file]").setInputFiles(file);
      page.once("dialog", (dialog) => void dialog.accept());
      await page.getByRole("button", { name: "Upload broker definitions" }).click();
      await page.getByText("Your definitions were imported successfully.").waitFor();
      expect(failures).toEqual([]);
    },

    "where it restarts, what the open page asks for gets 502, and a reload finds it again": async ({
      tab,
      restart,
      failures,
    }) => {
      const page = tab();
      await page.goto("https://rabbitmq.lab.test/#/queues");
      await page.getByRole("link", { name: "builds", exact: true }).waitFor();
      failures.length = 0;
      await restart();
      await page.getByText("Management API returned status code 502").waitFor();
      expect(failures.join("\n")).toMatch(/^502 GET \/api\/queues/);
      await page.reload();
      await page.getByRole("link", { name: "builds", exact: true }).waitFor();
    },

    "where the session ends, the open page gets 401, and a reload leads back to it, without its own log-in":
      async ({ tab, endSession, failures }) => {
        const page = tab();
        failures.length = 0;
        await endSession();
        await expect.poll(() => failures.join("\n"), { timeout: 30_000 }).toMatch(/^401 GET \/api\/queues/m);
        await page.reload();
        await page.getByRole("link", { name: "builds", exact: true }).waitFor();
        expect(page.url()).toBe("https://rabbitmq.lab.test/#/queues");
      },
  },
};
