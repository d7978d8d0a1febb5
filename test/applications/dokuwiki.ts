/** DokuWiki, a wiki in PHP, with php-fpm and Nginx; it has a sign-in of its own. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { hashSync } from "bcryptjs";
import { expect } from "vitest";

import type { Application } from "./application.ts";
import { debianPackages, inRoot } from "./packages.ts";

const password = randomBytes(12).toString("hex");

/** Writes a page over XML-RPC, and reads it back. */
const client = `
import sys, xmlrpc.client
wiki = xmlrpc.client.ServerProxy(f"https://ada:{sys.argv[1]}@dokuwiki.lab.test/lib/exe/xmlrpc.php")
wiki.wiki.putPage("team:robot", "From a program.", {"sum": "", "minor": False})
print(wiki.wiki.getPage("team:robot"))
`;

const nginx = (address: string, port: number) => `
user www-data;
daemon off;
error_log stderr;
pid /run/nginx.pid;
events {}
http {
    include /etc/nginx/mime.types;
    access_log off;
    server {
        listen ${address}:${port};
        root /usr/share/dokuwiki;
        index doku.php;
        client_max_body_size 64m;
        location ~ ^/(?:data|conf|bin|inc|vendor)/ { deny all; }
        location ~ \\.php$ {
            include /etc/nginx/fastcgi.conf;
            fastcgi_pass unix:/run/php/wiki.sock;
        }
    }
}
`;

const fpm = `
[global]
error_log = /dev/stderr
daemonize = no
[wiki]
user = www-data
group = www-data
listen = /run/php/wiki.sock
listen.owner = www-data
pm = static
pm.max_children = 4
php_admin_value[upload_max_filesize] = 64m
php_admin_value[post_max_size] = 64m
`;

const settings = `<?php
$conf['title'] = 'Lab wiki';
$conf['useacl'] = 1;
$conf['superuser'] = '@admin';
$conf['remote'] = 1;
$conf['remoteuser'] = '';
$conf['updatecheck'] = 0;
`;

const start = `
mkdir -p /run/php
rm -f /run/php/wiki.sock
chown -R www-data: /var/lib/dokuwiki /etc/dokuwiki
php-fpm8.2 --fpm-config /etc/lab-fpm.conf &
until test -S /run/php/wiki.sock; do sleep 0.1; done
exec nginx -c /etc/lab-nginx.conf`;

export const dokuwiki: Application = {
  name: "dokuwiki",
  title: "DokuWiki 2022-07-31a with php-fpm 8.2",
  packages: { dokuwiki: debianPackages(["dokuwiki", "php-fpm", "nginx-light"]) },
  site: {
    open: [
      {
        path: "/lib/exe/xmlrpc.php",
        methods: ["POST"],
        passAuthorization: true,
        why: "API clients send a password, which the wiki checks itself.",
      },
    ],
    clientMaxBodySize: "64m",
  },

  start: async ({ address, port, folder, installed: { dokuwiki: root = "" } }) => {
    const put = async (file: string, content: string) => {
      await mkdir(join(folder, "files/etc", file, ".."), { recursive: true });
      await writeFile(join(folder, "files/etc", file), content);
    };
    await put("lab-nginx.conf", nginx(address, port));
    await put("lab-fpm.conf", fpm);
    await put("dokuwiki/local.php", settings);
    await put("dokuwiki/acl.auth.php", "*  @ALL  1\n*  @user  8\n");
    const hash = hashSync(password, 4).replace(/^\$2b/, "$2y");
    await put("dokuwiki/users.auth.php", `ada:${hash}:Ada:ada@lab.test:user,admin\n`);
    return { command: inRoot(root, folder, ["sh", "-euc", start]) };
  },

  facts: {
    "after the sign-in somebody logs in to it, and writes a page": async ({ open, failures }) => {
      const page = await open("/doku.php?id=team:plan&do=login");
      await page.locator("#dw__login input[name=u]").fill("ada");
      await page.locator("#dw__login input[name=p]").fill(password);
      await page.locator("#dw__login button").click();
      await page.getByText("Logged in as: Ada").waitFor();
      await page.goto("https://dokuwiki.lab.test/doku.php?id=team:plan&do=edit");
      await page.locator("#wiki__text").fill("====== Größe ======\n\n100% of a && b; <nowiki><b></nowiki>");
      await page.locator("#edbtn__save").click();
      await page.getByRole("heading", { name: "Größe" }).waitFor();
      expect(await page.locator("#dokuwiki__content").innerText()).toContain("100% of a && b; <b>");
      expect(failures).toEqual([]);
    },

    "a file of 20 MB goes up, and comes back the same": async ({ tab, folder, failures }) => {
      const page = tab();
      const bytes = randomBytes(20 << 20);
      await writeFile(join(folder, "large.zip"), bytes);
      await page.goto("https://dokuwiki.lab.test/doku.php?id=start&do=media&tab_files=upload");
      await page.locator("input[type=file]").first().setInputFiles(join(folder, "large.zip"));
      await page.locator("#mediamanager__upload_button").click();
      await page.locator("#mediamanager__uploader .qq-upload-success").waitFor({ timeout: 60_000 });
      const [saved] = await Promise.all([
        page.waitForEvent("download"),
        page.evaluate("location.assign('/lib/exe/fetch.php?media=large.zip')"),
      ]);
      expect(bytes.equals(await readFile(await saved.path()))).toBe(true);
      expect(failures).toEqual([]);
    },

    "a program writes a page by the open path with the wiki's own password, and by no other": async ({
      run,
      ask,
      tab,
    }) => {
      const call = (secret: string) => run(["python3", "-c", client, secret]);
      expect(await call(password)).toBe("From a program.");
      await expect(call("wrong")).rejects.toThrow(/401|403/);
      const basic = Buffer.from(`ada:${password}`).toString("base64");
      const headers = { cookie: "", authorization: `Basic ${basic}` };
      expect(await ask("/doku.php?id=team:robot", { headers })).toMatchObject({ status: 401 });
      const page = tab();
      await page.goto("https://dokuwiki.lab.test/doku.php?id=team:robot");
      await page.getByText("From a program.").waitFor();
    },

    "after a restart whoever is logged in still is": async ({ tab, restart }) => {
      await restart();
      const page = tab();
      await page.reload();
      await page.getByText("Logged in as: Ada").waitFor();
    },

    "where the session ends while somebody writes, what was typed is saved after a sign-in in another tab":
      async ({ tab, context, endSession }) => {
        const page = tab();
        await page.goto("https://dokuwiki.lab.test/doku.php?id=team:plan&do=edit");
        await page.locator("#wiki__text").pressSequentially("Typed in time. ");
        await endSession();
        await page.locator("#edbtn__save").click();
        await page.getByText("What you just sent was not saved.").waitFor();
        const [other] = await Promise.all([
          context.waitForEvent("page"),
          page.getByRole("link", { name: "Sign in" }).click(),
        ]);
        await other.getByText("Logged in as: Ada").waitFor();
        await page.reload();
        await page.getByText("Typed in time.").waitFor();
        expect(page.url()).toMatch(/^https:\/\/dokuwiki\.lab\.test\/doku\.php\?id=team:plan/);
      },
  },
};
