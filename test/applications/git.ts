/** Git over HTTPS: Apache with git's own CGI programs; people look with a browser, git sends a password of its own. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "vitest";

import type { Application } from "./application.ts";
import { debianPackages, inRoot } from "./packages.ts";
import type { Visit } from "./visit.ts";

const modules =
  "mpm_event authn_core authn_file authz_core authz_user auth_basic cgid alias env setenvif mime";

const configuration = (address: string, port: number) => `ServerRoot /etc/apache2
ServerName git.lab.test
Listen ${address}:${port}
PidFile /run/apache2.pid
Mutex file:/run
ErrorLog /dev/stderr
User www-data
Group www-data
${modules
  .split(" ")
  .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
  .join("\n")}
TypesConfig /etc/mime.types
ScriptSock /run/cgid.sock
SetEnv GIT_PROJECT_ROOT /srv/git
SetEnv GIT_HTTP_EXPORT_ALL
SetEnvIf Git-Protocol ".*" GIT_PROTOCOL=$0
ScriptAlias /git/ /usr/lib/git-core/git-http-backend/
<Location /git/>
  AuthType Basic
  AuthName Git
  AuthUserFile /etc/apache2/people
  Require valid-user
</Location>
Alias /static/ /usr/share/gitweb/static/
ScriptAlias / /usr/share/gitweb/gitweb.cgi/
`;

const repository = `
git init --quiet --bare --initial-branch=main /srv/git/app.git
chown -R www-data: /srv/git
echo '$projectroot = "/srv/git"; $my_uri = "/"; 1;' >/etc/gitweb.conf
`;

const password = randomBytes(12).toString("hex");
const url = (secret: string) => `https://robot:${secret}@git.lab.test/git/app.git`;

/** Runs git, whose folders are in its own `/`. */
const git = ({ run, installed, folder }: Visit, ...args: readonly string[]) =>
  run(inRoot(installed["git"] ?? "", join(folder, "client"), ["git", ...args]), {
    environment: {
      GIT_SSL_CAINFO: "/etc/ssl/lab.pem",
      GIT_TERMINAL_PROMPT: "0",
      ...Object.fromEntries(
        ["AUTHOR", "COMMITTER"].flatMap((role) => [
          [`GIT_${role}_NAME`, "Robot"],
          [`GIT_${role}_EMAIL`, "robot@lab.test"],
        ]),
      ),
    },
  });

export const gitServer: Application = {
  name: "git",
  title: "Git 2.39.5 with Apache 2.4",
  packages: { git: debianPackages(["apache2", "git", "gitweb", "media-types"], repository) },
  site: {
    open: [
      {
        path: "/git/",
        match: "prefix",
        methods: ["GET", "POST"],
        passAuthorization: true,
        why: "git sends a password, which the server checks itself.",
      },
    ],
    clientMaxBodySize: "5g",
    buffering: false,
  },

  start: async ({ address, port, folder, installed: { git: root = "" } }) => {
    await mkdir(join(folder, "files/etc/apache2"), { recursive: true });
    await writeFile(join(folder, "files/etc/apache2/lab.conf"), configuration(address, port));
    const hash = createHash("sha1").update(password).digest("base64");
    await writeFile(join(folder, "files/etc/apache2/people"), `robot:{SHA}${hash}\n`);
    return { command: inRoot(root, folder, "apache2 -D FOREGROUND -f /etc/apache2/lab.conf".split(" ")) };
  },

  facts: {
    "a commit of 12 MB is pushed with a password of the server's own, and cloned again": async (visit) => {
      const content = randomBytes(12 << 20);
      const files = join(visit.folder, "client/files");
      expect(await git(visit, "clone", url(password), "/there")).toContain("empty repository");
      await writeFile(join(files, "there/large.bin"), content);
      await git(visit, "-C", "/there", "add", "large.bin");
      await git(visit, "-C", "/there", "commit", "--quiet", "--message=A large file");
      await git(visit, "-C", "/there", "push", "origin", "HEAD:main");
      await git(visit, "clone", url(password), "/back");
      expect(content.equals(await readFile(join(files, "back/large.bin")))).toBe(true);
    },

    "without a password, and with a wrong one, nothing is read, and git is asked for one": async (visit) => {
      const there = "https://git.lab.test/git/app.git";
      await expect(git(visit, "ls-remote", there)).rejects.toThrow(/could not read Username/);
      await expect(git(visit, "ls-remote", url("wrong"))).rejects.toThrow(/Authentication failed/);
    },

    "outside of the open path git is refused, with its password too": async (visit) => {
      const there = `https://robot:${password}@git.lab.test/app.git`;
      await expect(git(visit, "ls-remote", there)).rejects.toThrow(/Authentication failed|401/);
    },

    "somebody signed in sees the commit in a browser, by an address with semicolons": async ({
      open,
      failures,
    }) => {
      const page = await open("/?p=app.git;a=log;h=refs/heads/main");
      await page.getByText("A large file").first().waitFor();
      await page.getByRole("link", { name: "tree", exact: true }).first().click();
      expect(failures).toEqual([]);
      const [saved] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("link", { name: "raw", exact: true }).click(),
      ]);
      expect((await stat(await saved.path())).size).toBe(12 << 20);
    },

    "after a restart it serves what it had": async (visit) => {
      await visit.restart();
      expect(await git(visit, "ls-remote", url(password))).toContain("refs/heads/main");
    },

    "where the session ends, a reload leads back to the same page": async ({ tab, endSession }) => {
      const page = tab();
      await page.goto("https://git.lab.test/?p=app.git;a=shortlog");
      await endSession();
      await page.reload();
      await page.getByText("A large file").first().waitFor();
      expect(page.url()).toBe("https://git.lab.test/?p=app.git;a=shortlog");
    },
  },
};
