/** Where the engine runs a command: over-ssh.sh is looked for from there. */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { interpreter } from "../../components/host/over-ssh.ts";
import { newRepository } from "../../infra/commands/new-repository.ts";
import { type Checkout, checkOut } from "../lab/checkout.ts";
import { ensureEngine } from "../lab/engine.ts";

const program = `
import { local } from "@pulumi/command";
const interpreter = ${JSON.stringify(interpreter)};
export const said = new local.Command("push", { interpreter, create: "push wiki", delete: "remove wiki" }).stdout;
`;

/** What Pulumi.yaml requires, and such a program does not read. */
const required = `config:
  protected-sites:tenantId: none
  protected-sites:hosts: []
  protected-sites:sites: {}
`;

/** This repository with another program. */
async function thisRepository({ directory }: Checkout) {
  await writeFile(join(directory, "infra/main.js"), program);
  return "components/host/over-ssh.sh";
}

/** What `init` makes, with such a program in the package. */
async function repositoryOfInit({ directory }: Checkout) {
  const wanted = {
    tenantId: "",
    stack: "prod",
    host: "",
    hostKey: "",
    adminUser: "",
    domain: "",
    upstream: "",
  };
  const files = newRepository({ ...wanted, emailDomain: "" }, {}, "0.0.0", new Date(0));
  for (const name of ["Pulumi.yaml", "package.json"])
    await writeFile(join(directory, name), files[name] ?? "");
  const packages = join(import.meta.dirname, "../../node_modules");
  await rm(join(directory, "node_modules"));
  await mkdir(join(directory, "node_modules/protected-sites/dist/infra"), { recursive: true });
  await mkdir(join(directory, "node_modules/protected-sites/dist/components/host"), { recursive: true });
  for (const name of await readdir(packages))
    await symlink(join(packages, name), join(directory, "node_modules", name));
  await rm(join(directory, "components"), { recursive: true });
  await writeFile(join(directory, "node_modules/protected-sites/package.json"), '{ "type": "module" }\n');
  await writeFile(join(directory, "node_modules/protected-sites/dist/infra/main.js"), program);
  return "node_modules/protected-sites/dist/components/host/over-ssh.sh";
}

test.each([
  ["this repository", thisRepository],
  ["a repository of `init`", repositoryOfInit],
])("in %s, commands find the project's script, also where nothing else has been kept", async (_, arrange) => {
  const directory = await mkdtemp(join(tmpdir(), "where-commands-run-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const ran = join(directory, "ran");
  const stacks = { "Pulumi.prod.yaml": required };
  const checkout = await checkOut(directory, stacks, await ensureEngine(), {
    PULUMI_BACKEND_URL: `file://${directory}`,
    PULUMI_CONFIG_PASSPHRASE: "contract",
    XDG_CACHE_HOME: join(directory, "empty"),
  });
  const script = join(directory, await arrange(checkout));
  await writeFile(script, `echo "$1" | tee -a '${ran}'; exit 0\n`);
  const pulumi = async (...args: string[]) => {
    const { exitCode, all } = await checkout.run("pulumi", ...args, "--non-interactive", "--color=never");
    expect(exitCode, all).toBe(0);
    return all;
  };

  await pulumi("stack", "init", "prod");
  await pulumi("up", "--yes");
  expect(await pulumi("stack", "output", "said")).toBe("push wiki");
  await pulumi("destroy", "--yes");
  expect(await readFile(ran, "utf8")).toBe("push wiki\nremove wiki\n");
});
