/** Stand-in for @pulumi/command: remote.Command. */
import { randomBytes } from "node:crypto";

import type { Call, Properties, Provider, ResourceType } from "./provider.ts";
import { dial, run } from "./ssh.ts";
import type { Connection } from "./ssh.ts";

interface Command {
  readonly connection: Connection;
  readonly create?: string;
  readonly update?: string;
  readonly delete?: string;
  readonly stdin?: string;
  readonly addPreviousOutputInEnv?: boolean;
  readonly logging?: keyof typeof logs;
  readonly stdout?: string;
  readonly stderr?: string;
}

const logs = {
  stdoutAndStderr: ["stdout", "stderr"],
  stdout: ["stdout"],
  stderr: ["stderr"],
  none: [],
} as const;

const command: ResourceType = {
  // `environment` is left out: the real provider fails where the server refuses a variable, and the SSH library at
  // hand cannot tell.
  inputs: {
    connection: { required: true },
    create: {},
    update: {},
    delete: {},
    stdin: {},
    logging: {},
    addPreviousOutputInEnv: { default: true },
    triggers: { replaces: true },
  },
  computed: ["stdout", "stderr"],
  recomputed: ["stdout", "stderr"],
  create: async (inputs, call, name) => ({
    id: `${name}${randomBytes(4).toString("hex")}`,
    outputs: (await execute(inputs, "create", call)) ?? { stdout: "", stderr: "" },
  }),
  // On the new connection, also where nothing but the connection changed; nothing is undone on the old one.
  update: async (_id, inputs, { stdout, stderr }, call) =>
    (await execute(
      { ...inputs, stdout, stderr },
      inputs["update"] === undefined ? "create" : "update",
      call,
    )) ?? {
      stdout,
      stderr,
    },
  delete: async (_id, state, call) => {
    await execute(state, "delete", call);
  },
};

async function execute(
  properties: Properties,
  step: "create" | "update" | "delete",
  call: Call,
): Promise<Properties | undefined> {
  const given = properties as unknown as Command;
  const text = given[step];
  if (text === undefined) return undefined;
  // As with the real provider, nobody ends the connection: it stays until this process does.
  const client = await dial(given.connection, call);
  const previous =
    given.addPreviousOutputInEnv === false
      ? {}
      : {
          ...(given.stdout ? { PULUMI_COMMAND_STDOUT: given.stdout } : {}),
          ...(given.stderr ? { PULUMI_COMMAND_STDERR: given.stderr } : {}),
        };
  const logged: readonly string[] = logs[given.logging ?? "stdoutAndStderr"];
  const finished = await run(client, text, given.stdin ?? "", previous, (line, from) => {
    if (logged.includes(from)) call.log("info", line);
  });
  if (finished.failure !== undefined)
    throw new Error(`${finished.failure}: running ${JSON.stringify(text)}:\n${finished.output}`);
  return { stdout: finished.stdout.replace(/\n$/, ""), stderr: finished.stderr.replace(/\n$/, "") };
}

/** The provider. */
export const provider: Provider = {
  resources: { "command:remote:Command": command },
};
