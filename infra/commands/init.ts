/** `protected-sites init`: makes a repository for somebody's own environments. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { createInterface, type Interface } from "node:readline/promises";

import type { Command } from "commander";

import { environmentOf, parseStackFile } from "../stack-file.ts";
import { ownPackage } from "../own-package.ts";
import { action, named, runCommand } from "./command.ts";
import { NoKey, offeredKey } from "./host-key.ts";
import { newRepository, type Wanted, workflowFiles } from "./new-repository.ts";

/** Why nothing was written. */
class Refused extends Error {}

interface Options extends Partial<Wanted> {
  readonly yes?: true;
}

export function command(): Command {
  return named("init")
    .argument("[folder]", "where", ".")
    .option("--tenant-id <id>", "the tenant's ID in Entra")
    .option("--stack <name>", "the environment's name (prod)")
    .option("--host <address>", "IP address or name of the first proxy host")
    .option("--host-key <key>", 'its public SSH key: "ssh-ed25519 AAAA…"')
    .option("--admin-user <name>", "who sets it up by SSH (admin)")
    .option("--domain <domain>", "the first site, such as wiki.example.com")
    .option("--upstream <url>", "its backend, such as http://10.0.0.5:3000")
    .option("--email-domain <domain>", "whose people may open it, such as example.com")
    .option("--yes", "ask nothing: what has no default is required")
    .action(action(init, Refused, NoKey));
}

async function init(where: string, options: Options): Promise<void> {
  if (!options.yes && !process.stdin.isTTY)
    throw new Refused("init: asks its questions in a terminal; without one, use --yes and the options");
  const folder = resolve(where);
  const terminal = options.yes ? undefined : createInterface(process.stdin, process.stdout);
  try {
    const wanted = await answers(options, terminal && questions(terminal));
    write(folder, wanted);
    console.log(nextSteps(where, wanted));
  } finally {
    terminal?.close();
  }
}

/** Asks a question. @throws Refused on Ctrl-C and Ctrl-D */
type Ask = (question: string) => Promise<string>;

function questions(terminal: Interface): Ask {
  return (question) =>
    terminal.question(question).catch((error: unknown) => {
      throw new Refused("\ninit: nothing was written", { cause: error });
    });
}

/** @throws Refused if something is missing and may not be asked for */
async function answers(options: Options, question: Ask | undefined): Promise<Wanted> {
  const ask = async (key: keyof Wanted, what: string, unset?: string) => {
    const given = options[key];
    if (given !== undefined) return given;
    const flag = `--${key.replaceAll(/[A-Z]/g, (it) => `-${it.toLowerCase()}`)}`;
    if (question === undefined && unset === undefined)
      throw new Refused(`init: ${flag} is required with --yes`);
    const said = await question?.(unset === undefined ? `${what}: ` : `${what} [${unset}]: `);
    const answer = said?.trim() || unset;
    if (answer === undefined) throw new Refused(`init: expected an answer, or ${flag}`);
    return answer;
  };
  const tenantId = await ask("tenantId", "Tenant ID (Entra admin center, Overview)");
  const stack = await ask("stack", "Name of the environment", "prod");
  const host = await ask("host", "Address of the first proxy host");
  const hostKey = options.hostKey ?? (await confirmedKey(host, question));
  const adminUser = await ask("adminUser", "User who sets it up by SSH, with sudo", "admin");
  const domain = await ask("domain", "Domain of the first site, such as wiki.example.com");
  const upstream = await ask("upstream", "Its backend, such as http://10.0.0.5:3000");
  const emailDomain = await ask(
    "emailDomain",
    "Whose people may open it (the domain of their addresses)",
    domain.split(".").slice(1).join("."),
  );
  return { tenantId, stack, host, hostKey, adminUser, domain, upstream, emailDomain };
}

/** @throws Refused if nobody can compare the fingerprint, or it is another one */
async function confirmedKey(host: string, question: Ask | undefined): Promise<string> {
  if (question === undefined)
    throw new Refused(
      "init: --host-key is required with --yes: a key that nobody has compared could be anybody's. On the host: cat /etc/ssh/ssh_host_ed25519_key.pub",
    );
  const { hostKey, fingerprint, file } = await offeredKey(host, 22);
  console.log(`${host} offers ${fingerprint}. On its console: ssh-keygen -l -f ${file}`);
  const same = await question("Does the console show the same? (yes/no) ");
  if (!/^y(?:es)?$/i.test(same.trim())) throw new Refused("init: the host key was not confirmed");
  return hostKey;
}

/** @throws Refused if a file is there already; ConfigError if an answer is invalid. Then nothing is written. */
function write(folder: string, wanted: Wanted): void {
  const { folder: own, version } = ownPackage();
  const manifest = join(folder, "package.json");
  const present = existsSync(manifest) ? (JSON.parse(readFileSync(manifest, "utf8")) as object) : {};
  const files = newRepository(wanted, present, version, new Date());
  environmentOf(parseStackFile(wanted.stack, files[`stacks/Pulumi.${wanted.stack}.yaml`] ?? ""));
  const taken = [...Object.keys(files), ...workflowFiles].filter(
    (name) => name !== "package.json" && existsSync(join(folder, name)),
  );
  if (taken.length > 0) throw new Refused(`init: already exists: ${taken.join(", ")}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  for (const name of workflowFiles) cpSync(join(own, name), join(folder, name));
}

function nextSteps(where: string, { stack }: Wanted): string {
  return [
    ...(where === "." ? [] : [`cd ${where}`]),
    "npm install",
    "npx protected-sites validate",
    "pulumi login                        # where your state is stored",
    `pulumi stack init ${stack}`,
    `npx protected-sites preview --stack ${stack}`,
    `npx protected-sites up --stack ${stack}`,
  ].join("\n");
}

if (import.meta.main) await runCommand(command());
