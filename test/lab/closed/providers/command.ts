/** Stand-in for @pulumi/command: local.Command, and remote.Command, which releases before it used. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";

import type { Call, Properties, Provider, ResourceType } from "./provider.ts";
import { dial, run } from "./ssh.ts";
import type { Connection, Finished } from "./ssh.ts";

interface Command {
  readonly connection?: Connection;
  readonly interpreter?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
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

type Run = (
  given: Command,
  text: string,
  previous: Readonly<Record<string, string>>,
  onLine: (line: string, from: "stdout" | "stderr") => void,
  call: Call,
) => Promise<Finished>;

const remote: Run = async (given, text, previous, onLine, call) => {
  if (given.connection === undefined) throw new Error("expected a connection, got none");
  // As with the real provider, nobody ends the connection: it stays until this process does.
  return run(await dial(given.connection, call), text, given.stdin ?? "", previous, onLine);
};

const local: Run = (
  { interpreter = ["/bin/sh", "-c"], environment = {}, stdin = "" },
  text,
  previous,
  onLine,
) =>
  new Promise((resolve, reject) => {
    const [file, ...words] = [...interpreter, text];
    const child = spawn(file, words, { env: { ...process.env, ...environment, ...previous } });
    const chunks: { from: "stdout" | "stderr"; data: Buffer }[] = [];
    for (const from of ["stdout", "stderr"] as const) {
      child[from].on("data", (data: Buffer) => chunks.push({ from, data }));
      createInterface(child[from]).on("line", (line) => {
        onLine(line, from);
      });
    }
    child.once("error", reject);
    // A command need not read what it is given.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    child.once("close", (code, signal) => {
      const of = (from?: "stdout" | "stderr") =>
        Buffer.concat(chunks.filter((it) => from === undefined || it.from === from).map((it) => it.data));
      const failure = signal === null ? `exit status ${code ?? 0}` : `signal: ${signal}`;
      resolve({
        stdout: of("stdout").toString(),
        stderr: of("stderr").toString(),
        output: of().toString(),
        ...(code === 0 ? {} : { failure }),
      });
    });
  });

const commandBy = (runs: Run, inputs: ResourceType["inputs"]): ResourceType => ({
  strict: true,
  inputs: {
    ...inputs,
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
  create: async (given, call, name) => ({
    id: `${name}${randomBytes(4).toString("hex")}`,
    outputs: (await execute(runs, given, "create", call)) ?? { stdout: "", stderr: "" },
  }),
  // As the new inputs say, whatever changed; nothing is undone as the old ones said.
  update: async (_id, given, { stdout, stderr }, call) =>
    (await execute(
      runs,
      { ...given, stdout, stderr },
      given["update"] === undefined ? "create" : "update",
      call,
    )) ?? { stdout, stderr },
  delete: async (_id, state, call) => {
    await execute(runs, state, "delete", call);
  },
});

async function execute(
  runs: Run,
  properties: Properties,
  step: "create" | "update" | "delete",
  call: Call,
): Promise<Properties | undefined> {
  const given = properties as unknown as Command;
  const text = given[step];
  if (text === undefined) return undefined;
  const previous: Record<string, string> =
    given.addPreviousOutputInEnv === false
      ? {}
      : {
          ...(given.stdout ? { PULUMI_COMMAND_STDOUT: given.stdout } : {}),
          ...(given.stderr ? { PULUMI_COMMAND_STDERR: given.stderr } : {}),
        };
  const logged: readonly string[] = logs[given.logging ?? "stdoutAndStderr"];
  const onLine = (line: string, from: string) => {
    if (logged.includes(from)) call.log("info", line);
  };
  const finished = await runs(given, text, previous, onLine, call);
  if (finished.failure !== undefined)
    throw new Error(`${finished.failure}: running ${JSON.stringify(text)}:\n${finished.output}`);
  return { stdout: finished.stdout.replace(/\n$/, ""), stderr: finished.stderr.replace(/\n$/, "") };
}

/** The provider. */
export const provider: Provider = {
  resources: {
    // Of both, inputs that nobody uses here are left out.
    "command:local:Command": commandBy(local, { interpreter: {}, environment: {} }),
    "command:remote:Command": commandBy(remote, { connection: { required: true } }),
  },
};
