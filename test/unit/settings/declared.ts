/** All that an update of an environment declares, as texts that a person reads and a diff compares. */
import * as pulumi from "@pulumi/pulumi";
import { stringify } from "yaml";

import { unbundle } from "../../../components/host/bundle.ts";
import { packedProgram } from "../../../components/host/program.ts";
import { deploy } from "../../../infra/deploy.ts";
import { type Asked, deployed, isSecret, withoutSecrets } from "../components/pretend-cloud.ts";

/** The texts by their titles: every file of a host, as in `wiki: nginx.conf`, and every resource without its secrets. */
export type Declared = ReadonlyMap<string, string>;

/**
 * @param settings as in a stack's file, without the prefix
 * @throws ConfigError with everything that is wrong in them
 */
export async function declared(settings: Settings): Promise<Declared> {
  const resources = await update(settings, settings["tenantId"] as string);
  return new Map(resources.filter(({ type }) => !type.startsWith("pulumi:")).flatMap(textsOf));
}

type Settings = Readonly<Record<string, unknown>>;

/**
 * Everything that the program declares in one update.
 * @param signedInTo the tenant of the credentials
 * @param failed called with the program's failure; else it is thrown
 * @param calls gets the name of each function of a provider that it calls
 */
export async function update(
  settings: Settings,
  signedInTo: string,
  failed: (error: unknown) => void = (error) => {
    throw error;
  },
  calls: string[] = [],
): Promise<Asked[]> {
  pulumi.runtime.setAllConfig(
    Object.fromEntries(
      // Nobody can ask these hosts what they have.
      Object.entries({ ...settings, repairDrift: false }).map(([key, value]) => [
        `protected-sites:${key}`,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    ),
  );
  let failure: { readonly error: unknown } | undefined;
  // What fails within a stack ends the process.
  const program = () =>
    deploy().catch((error: unknown) => {
      failure = { error };
    });
  const asked = await deployed(() => pulumi.runtime.runInPulumiStack(program), { signedInTo, calls });
  if (failure !== undefined) failed(failure.error);
  return asked;
}

function textsOf({ type, name, inputs, ...options }: Asked): [title: string, text: string][] {
  // How a host is reached is the same in every command.
  const { stdin, interpreter: _, ...rest } = inputs;
  const text = String(isSecret(stdin) ? (stdin as { value: unknown }).value : stdin);
  const files = unbundle(text);
  // The program that runs there is reviewed as what it is.
  const isShown = files.length === 0 && text !== packedProgram();
  const resource = withoutSecrets({ ...rest, ...(isShown ? { stdin } : {}), ...options });
  return [
    // The same on each host.
    ...files.map((file): [string, string] => [
      `${name.replace(/-?edge-\d+.*/, "") || "host"}: ${file.name}`,
      file.text,
    ]),
    [
      `${type.split(":").at(-1) ?? type} ${name}`,
      stringify(resource, { lineWidth: 0 }).replaceAll(/\b[0-9a-f]{64}\b/g, "<sha256>"),
    ],
  ];
}
