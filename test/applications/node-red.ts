/** Node-RED: an editor of flows in the browser, told of changes over a WebSocket; flows answer over HTTP themselves. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "vitest";

import { request } from "../lab/http.ts";
import type { Application } from "./application.ts";
import { nodePackages } from "./packages.ts";

/** Two flows: a page that says who asks for it, and a webhook whose calls are shown in the editor. */
const flows = [
  { id: "t", type: "tab", label: "Flow 1" },
  { id: "p1", type: "http in", z: "t", url: "/hello", method: "get", x: 120, y: 60, wires: [["p2"]] },
  {
    ...{ id: "p2", type: "template", z: "t", x: 300, y: 60, wires: [["p3"]] },
    ...{ field: "payload", template: "Hello, {{req.headers.x-auth-request-user}}.", syntax: "mustache" },
  },
  { id: "p3", type: "http response", z: "t", x: 460, y: 60, wires: [] },
  {
    id: "h1",
    type: "http in",
    z: "t",
    url: "/hooks/build",
    method: "post",
    x: 120,
    y: 160,
    wires: [["h2", "h3"]],
  },
  { id: "h2", type: "http response", z: "t", statusCode: "204", x: 320, y: 160, wires: [] },
  {
    ...{
      id: "h3",
      type: "debug",
      z: "t",
      name: "hook",
      active: true,
      tosidebar: true,
      x: 320,
      y: 220,
      wires: [],
    },
    ...{ complete: "payload", targetType: "msg" },
  },
];

export const nodeRed: Application = {
  name: "node-red",
  title: "Node-RED 5.0.7",
  packages: { nodeRed: nodePackages("node-red") },
  site: {
    open: [{ path: "/hooks/build", methods: ["POST"], why: "The build server calls it without an account." }],
  },

  start: async ({ address, port, folder, installed: { nodeRed: directory = "" } }) => {
    const settings = { uiHost: address, uiPort: port, telemetry: { enabled: false } };
    await writeFile(join(folder, "settings.js"), `module.exports = ${JSON.stringify(settings)};`);
    const program = join(directory, "node_modules/node-red/red.js");
    return { command: [process.execPath, program, "--userDir", folder] };
  },

  facts: {
    "its API deploys flows for a program with ada's session, and the open editor is told at once": async ({
      open,
      failures,
      ask,
    }) => {
      const page = await open("/");
      await page.locator("#red-ui-workspace-chart svg").first().waitFor();
      const answer = await ask("/flows", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(flows),
      });
      expect(answer.status).toBe(204);
      await page.getByText("The flows on the server have been updated").waitFor();
      expect(failures).toEqual([]);
    },

    "a flow's own page is told who asks": async ({ open }) => {
      const page = await open("/hello");
      expect(await page.locator("body").innerText()).toBe("Hello, ada@lab.test.");
      await page.close();
    },

    "a webhook comes in without an account, and is shown in the editor at once": async ({ origin, tab }) => {
      const page = tab();
      await page.reload();
      await page.locator("#red-ui-workspace-chart .red-ui-flow-node").first().waitFor();
      const call = (method: string) =>
        request({
          url: `${origin}/hooks/build`,
          method,
          headers: { "content-type": "application/json" },
          body: '{"build":4711}',
        });
      expect((await call("POST")).status).toBe(204);
      await page.getByText("4711").waitFor();
      expect((await call("PUT")).status).toBe(401);
    },

    "where it restarts, what the open editor asks for reaches it again": async ({ tab, restart }) => {
      const page = tab();
      await restart();
      await expect
        .poll(() => page.evaluate("fetch('/flows').then(({ status }) => status)"), { timeout: 30_000 })
        .toBe(200);
    },

    "where the session ends, its requests get 401, and a reload leads back to it": async ({
      tab,
      endSession,
    }) => {
      const page = tab();
      await endSession();
      expect(await page.evaluate("fetch('/flows').then(({ status }) => status)")).toBe(401);
      await page.reload();
      await page.locator("#red-ui-workspace-chart .red-ui-flow-node").first().waitFor();
      expect(page.url()).toBe("https://node-red.lab.test/#flow/t");
    },
  },
};
