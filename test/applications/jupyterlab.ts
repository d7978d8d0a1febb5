/** JupyterLab: an editor and a shell in the browser; kernels and terminals over WebSockets, files as JSON. */
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Page } from "playwright-core";
import { expect } from "vitest";

import type { Application } from "./application.ts";
import { python, pythonPackages } from "./packages.ts";

/** A new notebook of an empty workspace, with its kernel ready. */
async function newNotebook(page: Page): Promise<void> {
  await page.locator(".jp-LauncherCard[data-category=Notebook]").first().click();
  await page.locator(".jp-Notebook .jp-Cell .cm-content").first().waitFor();
  // It says so before it is true: a kernel answers when it has been asked for its name.
  await page.getByText("Python 3 (ipykernel) | Idle").waitFor();
}

/** Runs a line in a cell of its own. @returns what it prints */
async function runCell(page: Page, line: string): Promise<string> {
  const outputs = page.locator(".jp-OutputArea-output pre");
  const before = await outputs.count();
  await page.locator(".jp-Notebook .jp-Cell .cm-content").last().click();
  await page.keyboard.type(line);
  await page.keyboard.press("Shift+Enter");
  await outputs.nth(before).waitFor();
  return (await outputs.nth(before).innerText()).trim();
}

export const jupyterlab: Application = {
  name: "jupyterlab",
  title: "JupyterLab 4.6.6",
  packages: { jupyterlab: pythonPackages("jupyterlab") },
  site: { clientMaxBodySize: "64m" },

  start: async ({ address, port, folder, installed: { jupyterlab: lab = "" } }) => {
    const { command, environment } = python(lab, "-m", "jupyterlab", "--no-browser", "--allow-root");
    return Promise.resolve({
      // Who may come in is the site's matter.
      command: [
        ...command,
        `--ip=${address}`,
        `--port=${port}`,
        "--IdentityProvider.token=",
        `--ServerApp.root_dir=${folder}`,
      ],
      environment: {
        ...environment,
        JUPYTERLAB_DIR: join(lab, "share/jupyter/lab"),
        JUPYTER_PATH: join(lab, "share/jupyter"),
        JUPYTER_CONFIG_PATH: join(lab, "etc/jupyter"),
        JUPYTER_PREFER_ENV_PATH: "0",
      },
    });
  },

  facts: {
    "a notebook runs a cell, over its WebSocket": async ({ open, failures }) => {
      const page = await open("/lab");
      await newNotebook(page);
      expect(await runCell(page, "print(6 * 7)")).toBe("42");
      // It asks whether a name is free.
      expect(failures.filter((it) => !it.startsWith("404 GET /api/contents/"))).toEqual([]);
    },

    "a file of 40 MB goes up, and comes back the same": async ({ tab, folder }) => {
      const page = tab();
      const file = join(folder, "..", "upload.bin");
      const bytes = randomBytes(40 << 20);
      await writeFile(file, bytes);
      const choosing = page.waitForEvent("filechooser");
      await page.getByTitle("Upload Files").click();
      await (await choosing).setFiles(file);
      await page.getByRole("button", { name: "Upload", exact: true }).click();
      const item = page.locator(".jp-DirListing-item", { hasText: "upload.bin" });
      await item.waitFor();
      const arrived = () => readFile(join(folder, "upload.bin"));
      // In pieces of a megabyte.
      await expect.poll(async () => bytes.equals(await arrived()), { timeout: 30_000 }).toBe(true);
      await item.click({ button: "right" });
      const [saved] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("menuitem", { name: "Download", exact: true }).click(),
      ]);
      expect(bytes.equals(await readFile(await saved.path()))).toBe(true);
    },

    "a terminal runs a command": async ({ open }) => {
      const page = await open("/lab/workspaces/shell");
      await page.locator(".jp-LauncherCard", { hasText: "Terminal" }).click();
      await page.locator(".jp-Terminal .xterm-screen").click();
      await page.keyboard.type("echo $((6 * 7)) >answer\n");
      await page.locator(".jp-DirListing-item", { hasText: "answer" }).waitFor();
      await page.close();
    },

    "where it restarts, the open page finds it again": async ({ tab, restart }) => {
      const page = tab();
      await restart();
      await page.waitForResponse((answer) => answer.url().includes("/api/contents") && answer.ok());
    },

    "where the session ends, the open page is refused until somebody signs in again in any tab": async ({
      tab,
      endSession,
      open,
    }) => {
      const page = tab();
      const answered = (status: number) =>
        page.waitForResponse((it) => it.url().includes("/api/contents") && it.status() === status);
      await endSession();
      await answered(401);
      await Promise.all([answered(200), open("/lab/workspaces/other")]);
      await endSession();
      await page.reload();
      await page.locator(".jp-DirListing-item", { hasText: "upload.bin" }).waitFor();
      expect(new URL(page.url()).pathname).toBe("/lab/tree/Untitled.ipynb");
    },
  },
};
