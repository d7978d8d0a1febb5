/** code-server: Visual Studio Code in the browser; its files and its shell come over WebSockets. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";

import { type Application, readers } from "./application.ts";
import { nodePackages } from "./packages.ts";

const settings = { "workbench.startupEditor": "none", "chat.disableAIFeatures": true };

/** A file in the tree, which its backend tells it of. */
function row(page: Page, name: string): Locator {
  return page.locator(".explorer-folders-view .monaco-list-row", { hasText: name });
}

/** Types a line at the beginning of the file that is open. */
async function typeLine(page: Page, line: string): Promise<void> {
  await page.locator(".monaco-editor .view-line").first().click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type(`${line}\n`);
}

/** Chooses from what a right click offers; with a key, since a click that comes too soon does nothing. */
async function choose(page: Page, item: string): Promise<void> {
  await page.getByRole("menuitem", { name: item }).hover();
  await page.keyboard.press("Enter");
}

/** What its backend has on its disk. */
async function onDisk(folder: string, name: string): Promise<string> {
  return readFile(join(folder, "work", name), "utf8").catch(() => "");
}

export const codeServer: Application = {
  name: "code-server",
  title: "code-server 4.139.1",
  packages: { codeServer: nodePackages("code-server", "node_modules/code-server/lib/vscode") },
  site: { allowedGroups: [readers] },

  start: async ({ address, port, folder, installed: { codeServer: directory = "" } }) => {
    await mkdir(join(folder, "work"), { recursive: true });
    await mkdir(join(folder, "data/User"), { recursive: true });
    await writeFile(join(folder, "data/User/settings.json"), JSON.stringify(settings));
    return {
      // Who may come in is the site's matter.
      command: [
        ...[process.execPath, join(directory, "node_modules/code-server/out/node/entry.js")],
        ...[`--bind-addr=${address}:${port}`, "--auth=none", `--user-data-dir=${join(folder, "data")}`],
        ..."--disable-telemetry --disable-update-check --disable-workspace-trust".split(" "),
        join(folder, "work"),
      ],
    };
  },

  facts: {
    "its file tree is drawn, and what is typed is on the backend's disk": async ({
      open,
      folder,
      failures,
    }) => {
      await writeFile(join(folder, "work/notes.txt"), "First line.\n");
      const page = await open("/");
      await row(page, "notes.txt").dblclick({ timeout: 60_000 });
      await page.getByText("First line.").waitFor();
      await typeLine(page, "From ada.");
      await page.keyboard.press("Control+s");
      await expect
        .poll(() => onDisk(folder, "notes.txt"), { timeout: 30_000 })
        .toBe("From ada.\nFirst line.\n");
      // A module of Microsoft's own, which code-server is built without.
      expect(failures.filter((it) => !it.includes("/node_modules/vsda/"))).toEqual([]);
    },

    "its terminal runs a command, and the tree shows at once what that has made": async ({ tab, folder }) => {
      const page = tab();
      await page.keyboard.press("Control+Backquote");
      await page.locator(".terminal-wrapper.active .xterm-screen").click();
      await page.keyboard.type("echo $((6 * 7)) >answer\n");
      await row(page, "answer").waitFor();
      await expect.poll(() => onDisk(folder, "answer"), { timeout: 30_000 }).toBe("42\n");
    },

    "what listens on the backend's loopback is reached below /proxy/, with a session": async ({
      tab,
      ask,
    }) => {
      await tab().keyboard.type("python3 -m http.server 8999 --bind 127.0.0.1\n");
      await expect.poll(async () => (await ask("/proxy/8999/answer")).body, { timeout: 30_000 }).toBe("42\n");
      expect(await ask("/proxy/8999/answer", { headers: { cookie: "" } })).toMatchObject({ status: 401 });
    },

    "a file of 20 MB goes up, and comes back the same": async ({ tab, folder }) => {
      const page = tab();
      const bytes = randomBytes(20 << 20);
      await writeFile(join(folder, "upload.bin"), bytes);
      await page
        .locator(".explorer-folders-view .monaco-list")
        .click({ button: "right", position: { x: 100, y: 200 } });
      const choosing = page.waitForEvent("filechooser");
      await choose(page, "Upload...");
      await (await choosing).setFiles(join(folder, "upload.bin"));
      const arrived = () => readFile(join(folder, "work/upload.bin")).catch(() => Buffer.of());
      await expect.poll(async () => bytes.equals(await arrived()), { timeout: 60_000 }).toBe(true);
      // It opens what has come, and that closes a menu.
      await page.getByText("because it is very large").waitFor({ timeout: 60_000 });
      await row(page, "upload.bin").click({ button: "right" });
      const [saved] = await Promise.all([page.waitForEvent("download"), choose(page, "Download...")]);
      expect(bytes.equals(await readFile(await saved.path()))).toBe(true);
      await row(page, "notes.txt").dblclick();
      await page.getByText("From ada.").waitFor();
    },

    "where it restarts, the open page asks to be loaded anew, and is back where it was": async ({
      tab,
      restart,
    }) => {
      const page = tab();
      await restart();
      await page.getByRole("button", { name: "Reload Window" }).waitFor({ timeout: 60_000 });
      await page.reload();
      await page.getByText("From ada.").waitFor({ timeout: 40_000 });
    },

    "where the session ends, the open page still saves, and its service worker lets a reload sign in":
      async ({ tab, cookie, endSession, folder }) => {
        const page = tab();
        const workers = "navigator.serviceWorker.getRegistrations().then((them) => them.length)";
        await expect.poll(() => page.evaluate(workers), { timeout: 30_000 }).toBeGreaterThan(0);
        await endSession();
        await typeLine(page, "Without a session.");
        await page.keyboard.press("Control+s");
        await expect
          .poll(() => onDisk(folder, "notes.txt"), { timeout: 30_000 })
          .toMatch(/^Without a session\./);
        expect(await cookie()).not.toContain("_oauth2_proxy");
        await page.reload();
        await page.getByText("Without a session.").waitFor({ timeout: 60_000 });
        expect(await cookie()).toContain("_oauth2_proxy");
        expect(new URL(page.url()).searchParams.get("folder")).toBe(join(folder, "work"));
      },
  },
};
