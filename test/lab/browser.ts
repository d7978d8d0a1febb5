/**
 * Debian's Chromium as a person's browser in the lab. It runs inside the instance's namespaces, where the sites' names
 * resolve, with a home of its own whose certificate store trusts the lab's CA. Nothing on the machine changes.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { type Browser, type BrowserContext, chromium, type LaunchOptions, type Page } from "playwright-core";

/** Where Debian has it. */
export const executable = "/usr/bin/chromium";

/**
 * Without these Chromium asks Google's hosts for updates and lists, which nothing in the lab answers. The lab runs as
 * root, which Chromium's own sandbox refuses.
 */
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-sync",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--no-first-run",
  "--no-default-browser-check",
];

/** Somebody of the lab's tenant. */
export interface Person {
  readonly userPrincipalName: string;
  readonly password: string;
}

/** What a browser needs. */
export interface BrowserArgs {
  /** File of the authority to trust, in PEM. @default only those that Debian's Chromium trusts */
  readonly ca?: string;
  /** Further flags of Chromium. */
  readonly args?: readonly string[];
}

/**
 * A browser without a window, for tests and screenshots; its home goes when it closes. Each context of it
 * (`newContext`, `newPage`) starts with no cookies, and is what people call an incognito window.
 */
export async function openBrowser(args: BrowserArgs = {}): Promise<Browser> {
  return withHome(args, async (home, options) => {
    const browser = await chromium.launch(options);
    // At once: a test run may end as soon as its browser is closed.
    browser.on("disconnected", () => {
      removeHome(home);
    });
    return browser;
  });
}

/**
 * The same with a profile that takes cookies in frames of other sites, as Chrome does unless it is told otherwise; not
 * in incognito windows, and Debian's Chromium not by default.
 */
export async function openProfile(args: BrowserArgs): Promise<BrowserContext> {
  return withHome(args, async (home, options) => {
    const folder = join(home, "profile");
    await mkdir(join(folder, "Default"), { recursive: true });
    // 0: allow.
    const preferences = { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } };
    await writeFile(join(folder, "Default", "Preferences"), JSON.stringify(preferences));
    const context = await chromium.launchPersistentContext(folder, options);
    context.on("close", () => {
      removeHome(home);
    });
    return context;
  });
}

function removeHome(home: string): void {
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}

async function withHome<Opened>(
  { ca, args = [] }: BrowserArgs,
  open: (home: string, options: LaunchOptions) => Promise<Opened>,
): Promise<Opened> {
  const home = await mkdtemp(join(tmpdir(), "protected-sites-browser-"));
  try {
    return await open(home, {
      executablePath: executable,
      headless: true,
      chromiumSandbox: false,
      args: [...flags, ...args],
      env: await environmentOf(home, ca),
    });
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

/**
 * A window for a person, which stays when this process ends.
 * @param home keeps what the browser remembers from one time to the next
 * @throws where there is no display
 */
export async function openWindow({
  ca,
  args = [],
  home,
  url,
}: BrowserArgs & { readonly home: string; readonly url: string }): Promise<void> {
  if (!hasDisplay()) throw new Error("no display: neither DISPLAY nor WAYLAND_DISPLAY is set");
  // Otherwise a bar says that there is no sandbox.
  const quiet = "--test-type";
  const window = spawn(
    executable,
    [...flags, quiet, ...args, `--user-data-dir=${join(home, "profile")}`, url],
    {
      detached: true,
      stdio: "ignore",
      env: await environmentOf(home, ca),
    },
  );
  await once(window, "spawn");
  window.unref();
}

/** Whether a window can be shown. */
export function hasDisplay(): boolean {
  return Boolean(process.env["DISPLAY"] ?? process.env["WAYLAND_DISPLAY"]);
}

/**
 * Fills in Entra's pages, one for the name and one for the password, and returns once the page that they lead to is
 * there: the site, or a page that refuses.
 * @param page is on the sign-in page
 */
export async function signIn(page: Page, { userPrincipalName, password }: Person): Promise<void> {
  await page.locator("input[name=loginfmt]").fill(userPrincipalName);
  await page.locator("[type=submit]").click();
  const secret = page.locator("input[name=passwd]");
  await secret.fill(password);
  await page.locator("[type=submit]").click();
  await secret.waitFor({ state: "detached" });
  await page.waitForLoadState("load");
}

/** The variables of a process that has `home` for its home and trusts `ca`. */
async function environmentOf(home: string, ca: string | undefined): Promise<Record<string, string>> {
  if (ca !== undefined) await trust(home, ca);
  const { HOME: own = homedir(), ...rest } = process.env;
  const kept = Object.entries(rest).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !/^XDG_(?:CONFIG|CACHE|DATA)_/.test(entry[0]),
  );
  return {
    // An X server's key is looked for in the home, too.
    XAUTHORITY: join(own, ".Xauthority"),
    ...Object.fromEntries(kept),
    HOME: home,
  };
}

/** Makes the browser of a home trust an authority. */
async function trust(home: string, ca: string): Promise<void> {
  const store = join(home, ".pki", "nssdb");
  await rm(store, { recursive: true, force: true });
  await mkdir(store, { recursive: true, mode: 0o700 });
  await execa("certutil", ["-d", `sql:${store}`, "-N", "--empty-password"]);
  await execa("certutil", ["-d", `sql:${store}`, "-A", "-n", "Protected Sites lab", "-t", "C,,", "-i", ca]);
}
