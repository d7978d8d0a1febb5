/** Streamlit: pages that a Python script draws anew at every click, over a WebSocket; files go up as forms. */
import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Page } from "playwright-core";
import { expect } from "vitest";

import type { Application } from "./application.ts";
import { python, pythonPackages } from "./packages.ts";

const script = `
import hashlib
import secrets
import streamlit as st

st.write("Hello,", st.context.headers.get("X-Auth-Request-User"))
st.write("Session", st.session_state.setdefault("name", secrets.token_hex(8)))
st.session_state.setdefault("count", 0)
if st.button("Count"):
    st.session_state.count += 1
st.write(f"Counted {st.session_state.count}")
file = st.file_uploader("File")
if file:
    st.write("Its hash is", hashlib.sha256(file.getvalue()).hexdigest())
    st.download_button("Give back", file.getvalue(), file_name="back.bin")
`;

const count = (page: Page) => page.getByRole("button", { name: "Count", exact: true }).click();

/** What Streamlit calls the session of its own that the page is drawn from. */
const session = (page: Page) => page.getByText(/^Session [0-9a-f]+$/).innerText();

export const streamlit: Application = {
  name: "streamlit",
  title: "Streamlit 1.67.0",
  packages: { streamlit: pythonPackages("streamlit") },
  site: { clientMaxBodySize: "200m" },

  start: async ({ address, port, origin, folder, installed: { streamlit: packages = "" } }) => {
    await writeFile(join(folder, "page.py"), script);
    return python(
      packages,
      ...["-m", "streamlit", "run", join(folder, "page.py")],
      ...[`--server.address=${address}`, `--server.port=${port}`, "--server.headless=true"],
      // It takes itself for a checkout of its own source where it is not in Python's own folder.
      "--global.developmentMode=false",
      ...[`--browser.serverAddress=${new URL(origin).host}`, "--browser.gatherUsageStats=false"],
    );
  },

  facts: {
    "a page is drawn over its WebSocket, for whom the site says": async ({ open, failures }) => {
      const page = await open("/");
      await page.getByText("Hello, ada@lab.test").waitFor();
      await page.getByText("Counted 0").waitFor();
      await count(page);
      await page.getByText("Counted 1").waitFor();
      expect(failures).toEqual([]);
    },

    "a file of 20 MB goes up, and comes back the same": async ({ tab, folder }) => {
      const page = tab();
      const bytes = randomBytes(20 << 20);
      await writeFile(join(folder, "upload.bin"), bytes);
      await page.locator("input[type=file]").setInputFiles(join(folder, "upload.bin"));
      await page.getByText(createHash("sha256").update(bytes).digest("hex")).waitFor({ timeout: 60_000 });
      const [saved] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Give back" }).click(),
      ]);
      expect(bytes.equals(await readFile(await saved.path()))).toBe(true);
    },

    "where it restarts, the open page finds it again, with a new session of its own": async ({
      tab,
      restart,
    }) => {
      const page = tab();
      const before = await session(page);
      await restart();
      // What is pressed before its WebSocket is there again is lost.
      const afterClick = async () => {
        await count(page);
        return session(page);
      };
      await expect.poll(afterClick, { timeout: 60_000, interval: 500 }).not.toBe(before);
    },

    "where the session ends, the open page still draws, nothing goes up, and a reload leads back": async ({
      tab,
      endSession,
      failures,
      folder,
    }) => {
      const page = tab();
      await page.reload();
      await page.getByText("Counted 0").waitFor();
      await endSession();
      await count(page);
      await page.getByText("Counted 1").waitFor();
      failures.length = 0;
      await page.locator("input[type=file]").setInputFiles(join(folder, "page.py"));
      await expect
        .poll(() => failures.join("\n"), { timeout: 30_000 })
        .toMatch(/^401 PUT \/_stcore\/upload_file\//m);
      await page.reload();
      await page.getByText("Counted 0").waitFor();
    },
  },
};
