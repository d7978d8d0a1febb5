/** `protected-sites init`: makes a repository for somebody's own environments. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { createInterface, type Interface } from "node:readline/promises";

import type { Command } from "commander";

import { ConfigError } from "../../components/site/errors.ts";
import { environmentOf, parseStackFile } from "../stack-file.ts";
import { ownPackage } from "../own-package.ts";
import { action, named } from "./command.ts";
import { NoKey, offeredKey } from "./host-key.ts";
import { environment, newRepository, type Wanted, workflowFiles } from "./new-repository.ts";

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
    const wanted = await validAnswers(options, terminal && questions(terminal));
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

/**
 * Answers that make a valid file: asks again until they do.
 * @throws Refused if they do not, and nobody may be asked
 */
async function validAnswers(options: Options, question: Ask | undefined): Promise<Wanted> {
  let wanted = await answers(options, {}, question);
  for (;;) {
    try {
      environmentOf(parseStackFile(wanted.stack, environment(wanted, new Date())));
      return wanted;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const problems = error.problems.map(({ what }) => what).join("\n");
      if (question === undefined) throw new Refused(`init: nothing was written:\n${problems}`);
      console.log(`\n${problems}\n\nOnce more; Enter takes what is in brackets.`);
      wanted = await answers({}, wanted, question);
    }
  }
}

/**
 * @param former what was answered before
 * @throws Refused if something is missing and may not be asked for
 */
async function answers(
  options: Options,
  former: Partial<Wanted>,
  question: Ask | undefined,
): Promise<Wanted> {
  const ask = async (key: keyof Wanted, what: string, otherwise?: string) => {
    const given = options[key];
    if (given !== undefined) return given;
    const unset = former[key] ?? otherwise;
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
  const confirmed = host === former.host ? former.hostKey : options.hostKey;
  const hostKey = confirmed ?? (await confirmedKey(host, question));
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

/** @throws Refused if a file is there already; then nothing is written */
function write(folder: string, wanted: Wanted): void {
  const { folder: own, version } = ownPackage();
  const manifest = join(folder, "package.json");
  const present = existsSync(manifest) ? (JSON.parse(readFileSync(manifest, "utf8")) as object) : {};
  const files = newRepository(wanted, present, version, new Date());
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

function nextSteps(where: string, { stack, adminUser, host }: Wanted): string {
  return [
    `Wrote stacks/Pulumi.${stack}.yaml, with the first host and site, and what a repository needs around it. Next:`,
    "",
    ...(where === "." ? [] : [`cd ${where}`]),
    "npm install",
    "npx protected-sites validate",
    "pulumi login                        # where your state is stored",
    `pulumi stack init ${stack}`,
    "export ARM_TENANT_ID=… ARM_CLIENT_ID=… ARM_CLIENT_SECRET=…    # the deployer's registration in Entra",
    `ssh-add ~/.ssh/…                    # a key with which ${adminUser}@${host} lets you in`,
    `npx protected-sites preview --stack ${stack}`,
    `npx protected-sites up --stack ${stack}`,
    "",
    "Details: node_modules/protected-sites/README.md, A first real environment",
  ].join("\n");
}
