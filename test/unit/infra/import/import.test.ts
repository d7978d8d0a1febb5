/** What `protected-sites import` makes of configurations: each file has one, and all that comes of it. */
import { globSync, readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

import { pathsOfExpression } from "../../../../infra/import/open-paths.ts";
import { asYaml, reportOf } from "../../../../infra/import/report.ts";
import { importSites, type Request } from "../../../../infra/import/sites.ts";
import { verdictOf } from "../../../../infra/import/verdict.ts";

const root = join(import.meta.dirname, "../../../..");

/** The given files of a golden file, each under a line `=== name`. */
function filesOf(text: string) {
  const [, ...parts] = text.split(/^=== (.+)\n/m);
  const files = parts.flatMap((name, index) =>
    index % 2 === 0 ? [{ name, text: parts[index + 1] ?? "" }] : [],
  );
  return files.filter(({ name }) => name !== "result");
}

function imported(
  files: readonly { readonly name: string; readonly text: string }[],
  given: Partial<Request> = {},
) {
  return importSites(files, { emailDomains: [], taken: { names: [], ports: [] }, ...given });
}

const goldens = globSync("*.txt", { cwd: import.meta.dirname }).sort();

test.each(goldens)("%s", async (name) => {
  const path = join(import.meta.dirname, name);
  const files = filesOf(readFileSync(path, "utf8"));
  const result = imported(files);
  const text = [
    ...files,
    { name: "result", text: `${asYaml(result)}\n${reportOf(result).join("\n").trimEnd()}\n` },
  ]
    .map((it) => `=== ${it.name}\n${it.text}`)
    .join("");
  await expect(text).toMatchFileSnapshot(path);
  for (const site of result.sites) expect(verdictOf(site).opens).toEqual([]);
  expect(text.slice(text.indexOf("=== result"))).not.toContain("not-shown");
});

const server = (locations: string, around = "") => [
  {
    name: "site.conf",
    text: `server { server_name app.example.com; ${around}
      location = /oauth2/auth { proxy_pass http://127.0.0.1:4180; }
      location / { auth_request /oauth2/auth; proxy_pass http://10.0.0.5; } ${locations} }`,
  },
];
const entra = {
  name: "oauth2-proxy.cfg",
  text: `provider = "entra-id"
oidc_issuer_url = "https://login.microsoftonline.com/7e57ab1e-0000-4000-8000-000000000000/v2.0"
email_domains = ["example.com"]\n`,
};

/** The settings of the one site. */
function settingsOf(...args: Parameters<typeof imported>) {
  const [site] = imported(...args).sites;
  if (site === undefined) throw new Error("no site");
  return site.settings;
}

test("a site of Entra with nothing else to know is open at once", () => {
  expect(settingsOf([...server(""), entra])).not.toHaveProperty("maintenance");
});

describe("what restricted access and has no setting keeps the site closed", () => {
  test.each([
    ["an address", "location /a/ { allow 10.0.0.0/8; deny all; proxy_pass http://10.0.0.5; }", ""],
    ["a password", "location /a/ { auth_basic a; auth_basic_user_file b; proxy_pass http://10.0.0.5; }", ""],
    ["a location that is refused", "location /a/ { return 403; }", ""],
    [
      "a location within another",
      "location /a/ { proxy_pass http://10.0.0.5; location /a/b { deny all; } }",
      "",
    ],
    ["an address, for all of it", "", "deny 10.0.0.9;"],
    ["an if", "", "if ($http_x_key != a) { return 403; }"],
    ["a rewrite to another location", "", "rewrite ^/a/(.*)$ /b/$1 last;"],
    ["Lua", "", "access_by_lua_block { }"],
    ["an unknown directive", "", "waf on;"],
    ["a client's certificate", "", "ssl_verify_client on;"],
    ["a file that is not given", "", "include snippets/auth.conf;"],
    [
      "a regular expression that only Nginx reads",
      'location ~ "^(?i)/a" { proxy_pass http://10.0.0.5; }',
      "",
    ],
    ["methods", "location /a/ { limit_except GET { deny all; } proxy_pass http://10.0.0.5; }", ""],
    [
      "another service that is asked",
      "location /a/ { auth_request /login; proxy_pass http://10.0.0.5; } location = /login { proxy_pass http://10.0.0.9/check; }",
      "",
    ],
  ])("%s", (_, locations, around) => {
    expect(settingsOf([...server(locations, around), entra])).toHaveProperty("maintenance");
  });

  test.each([
    ["an allowed role", 'allowed_roles = ["admin"]'],
    ["a list of people in another file", 'authenticated_emails_file = "/etc/emails"\nemail_domains = []'],
    ["groups by name", 'allowed_groups = ["admins"]'],
    [
      "groups of another claim",
      'allowed_groups = ["7e57ab1e-0000-4000-8000-000000000001"]\noidc_groups_claim = "teams"',
    ],
    ["another provider", 'provider = "github"'],
    ["a tenant that is elsewhere", 'oidc_issuer_url = "https://login.microsoftonline.com/${TENANT}/v2.0"'],
    ["an unknown option", "only_on_sundays = true"],
  ])("%s", (_, line) => {
    const name = line.split(" ")[0] ?? "";
    const others = entra.text
      .split("\n")
      .filter((it) => !line.split("\n").some((own) => own.split(" ")[0] === it.split(" ")[0]));
    expect(name).not.toBe("");
    expect(settingsOf([...server(""), { ...entra, text: [...others, line].join("\n") }])).toHaveProperty(
      "maintenance",
    );
  });

  test("the environment's tenant is another", () => {
    const files = [...server(""), entra];
    expect(settingsOf(files, { tenantId: "7e57ab1e-0000-4000-8000-000000000009" })).toHaveProperty(
      "maintenance",
    );
    expect(settingsOf(files, { tenantId: "7e57ab1e-0000-4000-8000-000000000000" })).not.toHaveProperty(
      "maintenance",
    );
  });
});

test.each([
  ["^/health$", ["/health"], undefined],
  ["^/(?:a|b)/c$", ["/a/c", "/b/c"], undefined],
  ["^/public/", ["/public/…"], undefined],
  ["^/public/.*$", ["/public/…"], undefined],
  [String.raw`^/robots\.txt$`, ["/robots.txt"], undefined],
  ["^/robots.txt$", ["/robots.txt"], "what else it matches"],
  ["^/health", ["/health"], "what else it matches"],
  ["^/health/?$", ["/health"], "what else it matches"],
  ["/health", [], "it is no list of paths"],
  ["^/", [], "what else it matches"],
  ["^/[ab]$", [], "it is no list of paths"],
  ["^/a.+", [], "it is no list of paths"],
  ["^/(?!admin)", [], "it is no list of paths"],
  ["^/a|^/b", [], "it is no list of paths"],
  ["^/a|/b$", [], "it is no list of paths"],
  ["^/(a|b)?$", [], "it is no list of paths"],
  [String.raw`^/a\$`, [], "it is no list of paths"],
])("of the expression %s, %j stay open", (expression, paths, rest) => {
  const found = pathsOfExpression(expression);
  expect(found.paths.map(({ path, match }) => (match === "prefix" ? `${path}…` : path))).toEqual(paths);
  expect(found.rest).toBe(rest);
});

describe("an open location stays open only where nothing else takes a part of it", () => {
  const open = (locations: string) => settingsOf([...server(locations), entra]).open?.map(({ path }) => path);
  const pass = "proxy_pass http://10.0.0.5;";
  test.each([
    ["alone", `location /a/ { ${pass} }`, ["/a/"]],
    [
      "a protected part",
      `location /a/ { ${pass} } location /a/b/ { auth_request /oauth2/auth; ${pass} }`,
      undefined,
    ],
    [
      "an expression",
      `location /a/ { ${pass} } location ~ b { auth_request /oauth2/auth; ${pass} }`,
      undefined,
    ],
    [
      "an expression after ^~",
      `location ^~ /a/ { ${pass} } location ~ b { auth_request /oauth2/auth; ${pass} }`,
      ["/a/"],
    ],
    ["another backend", "location /a/ { proxy_pass http://10.0.0.6/; }", undefined],
    ["a rewritten path", `location /a/ { rewrite ^/a/(.*)$ /$1 break; ${pass} }`, undefined],
    ["files of the host", "location /a/ { root /srv; }", undefined],
    ["a name without a slash", `location /a { ${pass} }`, ["/a"]],
  ])("%s", (_, locations, paths) => {
    expect(open(locations)).toEqual(paths);
  });
});

describe("the command", () => {
  const run = async (...args: string[]) => {
    const { exitCode, all } = await execa(process.execPath, ["infra/commands/main.js", "import", ...args], {
      cwd: root,
      all: true,
      reject: false,
    });
    expect(all).not.toMatch(/^\s+at /m);
    return { exitCode, all };
  };
  const withFiles = async (
    files: Readonly<Record<string, string>>,
    does: (folder: string) => Promise<void>,
  ) => {
    const folder = await mkdtemp(join(tmpdir(), "import-"));
    try {
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
      await does(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  };

  test.each([
    ["no such file", "missing.conf", {}, "missing.conf: no such file"],
    ["TOML that is none", "a.cfg", { "a.cfg": "provider = [\n" }, "a.cfg, line 2: is not valid TOML"],
    [
      "YAML that is none",
      "a.yaml",
      { "a.yaml": "host: {{ .Values.host }}\n" },
      "a.yaml: is a template of YAML",
    ],
    [
      "Nginx that is none",
      "a.conf",
      { "a.conf": "server {\n" },
      "a.conf: is not a configuration of Nginx: unexpected end of file",
    ],
    ["something else", "a.txt", { "a.txt": "hello\n" }, "is none of what an import reads"],
    [
      "no sign-in",
      "a.conf",
      { "a.conf": "server { location / { proxy_pass http://a; } }" },
      "nothing in them asks oauth2-proxy",
    ],
    [
      "no domain",
      "a.conf",
      { "a.conf": "server { location / { auth_request /oauth2/auth; proxy_pass http://a; } }" },
      "give it with --domain",
    ],
  ])("%s ends with 2", async (_, name, files, says) => {
    await withFiles(files, async (folder) => {
      const { exitCode, all } = await run(join(folder, name));
      expect({ exitCode, all }).toEqual({ exitCode: 2, all: expect.stringContaining(says) as string });
    });
  });

  test("prints YAML with the rest as its comments, and ends with 1 if something is left", async () => {
    const [nginx] = server("");
    await withFiles({ "site.conf": nginx?.text ?? "", "oauth2-proxy.cfg": entra.text }, async (folder) => {
      const { exitCode, all } = await run(join(folder, "site.conf"), join(folder, "oauth2-proxy.cfg"));
      expect(exitCode).toBe(1);
      expect(parse(all)).toMatchObject({ "protected-sites:sites": { app: { domain: "app.example.com" } } });
    });
  });

  test("--write adds the site to an environment's file, on ports of its own, once", async () => {
    const [nginx] = server("");
    await withFiles({ "site.conf": nginx?.text ?? "" }, async (folder) => {
      const stack = join(folder, "Pulumi.prod.yaml");
      await cp(join(root, "stacks/Pulumi.example.yaml"), stack);
      const before = await readFile(stack, "utf8");
      const write = () => run(join(folder, "site.conf"), "--stack", "prod", "--folder", folder, "--write");
      expect((await run(join(folder, "site.conf"), "--stack", "prod", "--folder", folder)).all).toContain(
        "+    app:",
      );
      expect(await readFile(stack, "utf8")).toBe(before);
      expect((await write()).exitCode).toBe(1);
      const after = await readFile(stack, "utf8");
      const wiki = { domain: "wiki.example.com", port: 4180 };
      expect(parse(after)).toMatchObject({
        config: { "protected-sites:sites": { wiki, app: { domain: "app.example.com", port: 4181 } } },
      });
      expect(await write()).toMatchObject({ exitCode: 2 });
      expect(await readFile(stack, "utf8")).toBe(after);
    });
  });
});

test("every golden file is of one configuration", () => {
  expect(goldens.map((it) => basename(it, ".txt"))).not.toEqual([]);
});
