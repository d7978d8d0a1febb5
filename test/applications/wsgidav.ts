/** WsgiDAV, a WebDAV server, with cadaver, which comes with a password, and rclone, which has somebody's session. */
import { randomBytes } from "node:crypto";
import { copyFile, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "vitest";

import type { Application } from "./application.ts";
import { debianPackages, inRoot, python, pythonPackages } from "./packages.ts";
import type { Visit } from "./visit.ts";

const password = randomBytes(12).toString("hex");

/** `team` asks for a password of its own, `people` leaves that to the site. */
const configuration = (address: string, port: number, folder: string) => ({
  host: address,
  port,
  provider_mapping: { "/team": join(folder, "team"), "/people": join(folder, "people") },
  http_authenticator: { accept_basic: true, accept_digest: false, default_to_digest: false },
  simple_dc: { user_mapping: { "/team": { robot: { password } }, "*": true } },
  lock_storage: true,
  logging: { enable: true },
  verbose: 3,
});

/** Runs one of the clients, whose folders are in its own `/`. */
const client = ({ run, installed, folder }: Visit, command: readonly string[], input = "") =>
  run(inRoot(installed["clients"] ?? "", join(folder, "clients"), command), { input });

/** Runs cadaver's commands below `/team/`, with the password that its file of passwords has. */
async function cadaver(visit: Visit, commands: readonly string[], secret = password): Promise<string> {
  const files = join(visit.folder, "clients/files");
  for (const folder of ["root", "etc/ssl/certs"]) await mkdir(join(files, folder), { recursive: true });
  const netrc = `machine wsgidav.lab.test login robot password ${secret}\n`;
  await writeFile(join(files, "root/.netrc"), netrc, { mode: 0o600 });
  await copyFile(visit.ca, join(files, "etc/ssl/certs/ca-certificates.crt"));
  return client(
    visit,
    ["cadaver", "https://wsgidav.lab.test/team/"],
    commands.map((it) => `${it}\n`).join(""),
  );
}

async function rclone(visit: Visit, ...args: readonly string[]): Promise<string> {
  const remote = ":webdav,url='https://wsgidav.lab.test/people':";
  return client(visit, [
    "rclone",
    ...args.map((it) => it.replace("site:", remote)),
    ...["--config=", "--retries=1", "--ca-cert=/etc/ssl/lab.pem", `--header=Cookie: ${await visit.cookie()}`],
  ]);
}

export const wsgidav: Application = {
  name: "wsgidav",
  title: "WsgiDAV 4.4.0 with cadaver and rclone",
  packages: { wsgidav: pythonPackages("wsgidav"), clients: debianPackages(["cadaver", "rclone"]) },
  site: {
    open: [
      {
        path: "/team/",
        match: "prefix",
        methods: [
          ...["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE"],
          ...["LOCK", "UNLOCK"],
        ],
        passAuthorization: true,
        why: "File managers send a password, which the server checks itself.",
      },
    ],
    clientMaxBodySize: "5g",
    buffering: false,
  },

  start: async ({ address, port, folder, installed: { wsgidav: packages = "" } }) => {
    for (const share of ["team", "people"]) await mkdir(join(folder, share), { recursive: true });
    const file = join(folder, "wsgidav.json");
    await writeFile(file, JSON.stringify(configuration(address, port, folder)), { mode: 0o600 });
    return python(packages, "-m", "wsgidav.server.server_cli", `--config=${file}`);
  },

  facts: {
    "somebody signed in sees a folder in a browser": async ({ open, folder, failures }) => {
      await writeFile(join(folder, "people/report.txt"), "From the folder.");
      const page = await open("/people/");
      await page.getByRole("link", { name: "report.txt" }).click();
      expect(await page.locator("body").innerText()).toBe("From the folder.");
      expect(failures).toEqual([]);
    },

    "rclone with the same session copies a file of 40 MB there, moves it, and copies it back": async (
      visit,
    ) => {
      const files = join(visit.folder, "clients/files");
      const bytes = randomBytes(40 << 20);
      await mkdir(files, { recursive: true });
      await writeFile(join(files, "large.bin"), bytes);
      await rclone(visit, "copyto", "/large.bin", "site:new/large.bin");
      await rclone(visit, "moveto", "site:new/large.bin", "site:new/with space.bin");
      expect(await rclone(visit, "lsf", "site:new")).toBe("with space.bin");
      await rclone(visit, "copyto", "site:new/with space.bin", "/back.bin");
      expect(bytes.equals(await readFile(join(files, "back.bin")))).toBe(true);
    },

    "cadaver with the server's own password makes a folder, puts, locks and moves": async (visit) => {
      await writeFile(join(visit.folder, "clients/files/note.txt"), "From cadaver.");
      const said = await cadaver(visit, [
        "mkcol plans",
        "put /note.txt plans/note.txt",
        "lock plans/note.txt",
        "put /note.txt plans/note.txt",
        "unlock plans/note.txt",
        "move plans/note.txt plans/renamed.txt",
        "ls plans",
      ]);
      expect(said).not.toMatch(/failed|error/i);
      expect(said).toContain("renamed.txt");
      expect((await stat(join(visit.folder, "team/plans/renamed.txt"))).size).toBe(13);
    },

    "with a wrong password nothing is listed, and outside of the open path it counts for nothing": async (
      visit,
    ) => {
      expect(await cadaver(visit, ["ls"], "wrong")).toMatch(/Authentication|401/i);
      const basic = Buffer.from(`robot:${password}`).toString("base64");
      const answer = await visit.ask("/people/", {
        method: "PROPFIND",
        headers: { cookie: "", authorization: `Basic ${basic}` },
      });
      expect(answer.status).toBe(401);
    },

    "where the session ends, rclone is refused": async (visit) => {
      await visit.endSession();
      await expect(rclone(visit, "lsf", "site:")).rejects.toThrow(/401/);
    },
  },
};
