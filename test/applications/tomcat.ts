/** Tomcat with its own examples and manager, and a small application of ours: large headers, server-sent events. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";

import type { Application } from "./application.ts";
import { debianPackages, inRoot } from "./packages.ts";

const password = randomBytes(12).toString("hex");
const basic = `Basic ${Buffer.from(`robot:${password}`).toString("base64")}`;

/** The valve takes the client's address and scheme from what the proxy hosts say. */
const server = (address: string, port: number) => `<Server port="-1">
  <Service name="Catalina">
    <Connector address="${address}" port="${port}" maxHttpResponseHeaderSize="131072" />
    <Engine name="Catalina" defaultHost="localhost">
      <Realm className="org.apache.catalina.realm.MemoryRealm" />
      <Host name="localhost" appBase="webapps">
        <Valve className="org.apache.catalina.valves.RemoteIpValve" internalProxies="192\\.0\\.2\\.\\d+" protocolHeader="X-Forwarded-Proto" />
      </Host>
    </Engine>
  </Service>
</Server>
`;

const users = `<tomcat-users><user username="robot" password="${password}" roles="manager-script" /></tomcat-users>`;

/** Debian's own leaves out the valves that let nobody in but the machine itself. */
const context = (docBase: string) =>
  `<Context docBase="${docBase}"><Resources allowLinking="true" /></Context>`;

const lastEvent = 600;

const pages = {
  "headers.jsp": `<% int size = Integer.parseInt(request.getParameter("kilobytes"));
for (int i = 0; i < size; i++) response.addHeader("X-Part", String.format("%04d", i) + "x".repeat(1010)); %>Headers of <%= size %> kB.`,
  "whoami.jsp": `<%= request.getHeader("X-Auth-Request-User") %> by <%= request.getScheme() %> from <%= request.getRequestURL() %>`,
  "redirect.jsp": `<% response.sendRedirect(request.getContextPath() + "/whoami.jsp"); %>`,
  "events.jsp": `<%@ page contentType="text/event-stream" buffer="none" %><%
for (int i = 0; i <= ${lastEvent}; i++) { out.print("data: " + i + "\\n\\n"); out.flush(); Thread.sleep(200); } %>`,
  "live.html": `<!doctype html><title>Live</title><p id="last">0</p><p id="state"></p><script>
const events = new EventSource("events.jsp");
events.onmessage = ({ data }) => { last.textContent = data; };
events.onerror = () => { state.textContent = ["connecting", "open", "closed"][events.readyState]; };
events.onopen = () => { state.textContent = "open"; };
</script>`,
};

const counted = async (page: Page) => Number(await page.locator("#last").innerText());

function tabWith(context: BrowserContext, part: string): Page {
  const page = context.pages().find((it) => it.url().includes(part));
  if (page === undefined) throw new Error(`no tab has ${part} in its address`);
  return page;
}

export const tomcat: Application = {
  name: "tomcat",
  title: "Tomcat 10.1.60",
  packages: { tomcat: debianPackages(["tomcat10", "tomcat10-admin", "tomcat10-examples", "python3"]) },
  site: { passAuthorization: true },

  start: async ({ address, port, folder, installed: { tomcat: root = "" } }) => {
    const base = join(folder, "files/srv/tomcat");
    const put = async (file: string, content: string) => {
      await mkdir(join(base, file, ".."), { recursive: true });
      await writeFile(join(base, file), content);
    };
    for (const directory of ["temp", "work", "logs"]) await mkdir(join(base, directory), { recursive: true });
    await put("conf/server.xml", server(address, port));
    await put("conf/tomcat-users.xml", users);
    await put("conf/Catalina/localhost/examples.xml", context("/usr/share/tomcat10-examples/examples"));
    await put(
      "conf/Catalina/localhost/manager.xml",
      context("/usr/share/tomcat10-admin/manager").replace("<Context ", '<Context privileged="true" '),
    );
    for (const [name, content] of Object.entries(pages)) await put(`webapps/lab/${name}`, content);
    const script =
      "cp -n /usr/share/tomcat10/etc/web.xml /srv/tomcat/conf/; exec /usr/share/tomcat10/bin/catalina.sh run";
    return {
      command: inRoot(root, folder, ["sh", "-euc", script]),
      environment: {
        CATALINA_BASE: "/srv/tomcat",
        CATALINA_HOME: "/usr/share/tomcat10",
        JAVA_HOME: "/usr/lib/jvm/default-java",
      },
    };
  },

  facts: {
    "its session is found by ;jsessionid in a path, from the first page on": async ({
      open,
      ask,
      failures,
    }) => {
      const page = await open("/examples/servlets/servlet/SessionExample");
      const link = page.getByRole("link", { name: "URL encoded" });
      const href = (await link.getAttribute("href")) ?? "";
      expect(href).toMatch(/^SessionExample;jsessionid=[0-9A-F]{32}\?/);
      await link.click();
      await page.getByText("exampleName = exampleValue").waitFor();
      expect(page.url()).toContain(";jsessionid=");
      // A program that has the site's cookie, but none of Tomcat's.
      const [name = ""] = href.split("?");
      const cookie = (await page.context().cookies()).filter(({ name: it }) =>
        it.startsWith("_oauth2_proxy"),
      );
      const answer = await ask(`/examples/servlets/servlet/${name}`, {
        headers: { cookie: cookie.map((it) => `${it.name}=${it.value}`).join("; ") },
      });
      expect(answer.body).toContain("exampleName = exampleValue");
      expect(failures).toEqual([]);
    },

    "it knows who asks, and by which address": async ({ ask }) => {
      expect((await ask("/lab/whoami.jsp")).body).toBe(
        "ada@lab.test by https from https://tomcat.lab.test/lab/whoami.jsp",
      );
      const headers = await ask("/lab/redirect.jsp");
      expect(headers).toMatchObject({ status: 302, headers: { location: ["/lab/whoami.jsp"] } });
    },

    "20 kB of response headers arrive, and 40 kB are a 502": async ({ open, failures }) => {
      const page = await open("/lab/headers.jsp?kilobytes=20");
      await page.getByText("Headers of 20 kB.").waitFor();
      expect(failures).toEqual([]);
      await page.goto("https://tomcat.lab.test/lab/headers.jsp?kilobytes=40");
      await page.getByText("is currently unavailable").waitFor();
      expect(failures).toEqual(["502 GET /lab/headers.jsp?kilobytes=40"]);
      await page.close();
      failures.length = 0;
    },

    "server-sent events arrive one by one": async ({ open, failures }) => {
      const page = await open("/lab/live.html");
      await expect.poll(() => counted(page), { timeout: 60_000 }).toBeGreaterThan(5);
      expect(await counted(page)).toBeLessThan(lastEvent);
      expect(failures).toEqual([]);
    },

    "two tabs talk to each other over a WebSocket": async ({ open, failures }) => {
      const [one, other] = [
        await open("/examples/websocket/chat.xhtml"),
        await open("/examples/websocket/chat.xhtml"),
      ];
      await one.getByText("has joined").nth(1).waitFor();
      await one.locator("#chat").fill("Good morning, 4711");
      await one.locator("#chat").press("Enter");
      await other.getByText("Good morning, 4711").waitFor();
      expect(failures).toEqual([]);
    },

    "its manager takes an application from a program with a session and the manager's password": async ({
      run,
      ask,
      folder,
      open,
    }) => {
      await mkdir(join(folder, "new"), { recursive: true });
      await writeFile(join(folder, "new/index.jsp"), "<%= 6 * 7 %> is the answer.");
      await writeFile(join(folder, "new/large.bin"), randomBytes(8 << 20));
      await run(["python3", "-m", "zipfile", "-c", "new.war", "new/index.jsp", "new/large.bin"], {
        cwd: folder,
      });
      const deploy = (headers: Readonly<Record<string, string>>, body: Buffer) =>
        ask("/manager/text/deploy?path=/new", { method: "PUT", headers, body });
      const war = await readFile(join(folder, "new.war"));
      expect(await deploy({}, war)).toMatchObject({ status: 401 });
      expect(await deploy({ authorization: basic }, war)).toMatchObject({
        status: 200,
        body: expect.stringContaining("OK - Deployed") as string,
      });
      const page = await open("/new/index.jsp");
      await page.getByText("42 is the answer.").waitFor();
      await page.close();
    },

    "where it restarts, its WebSockets end, and a reload goes on": async ({ context, restart }) => {
      const live = tabWith(context, "/lab/live.html");
      const chat = tabWith(context, "/websocket/chat");
      await restart();
      await chat.getByText("WebSocket closed").waitFor();
      await live.reload();
      await live.getByText("open").waitFor();
    },

    "where the session ends, events go on, and a reload leads back": async ({
      context,
      endSession,
      failures,
    }) => {
      const page = tabWith(context, "/lab/live.html");
      failures.length = 0;
      await endSession();
      const before = await counted(page);
      await expect.poll(() => counted(page), { timeout: 60_000 }).toBeGreaterThan(before);
      expect(await page.evaluate("fetch('whoami.jsp').then(({ status }) => status)")).toBe(401);
      await page.reload();
      await page.getByText("open").waitFor();
      expect(page.url()).toBe("https://tomcat.lab.test/lab/live.html");
    },
  },
};
