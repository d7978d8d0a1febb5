/**
 * `node language-host.ts <engine address>`: stand-in for Pulumi's Node language host. As the official one does, it runs
 * programs and policy packs by Pulumi's own scripts for them, each in a process of its own.
 */
import { existsSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { join } from "node:path";

import grpc from "@grpc/grpc-js";
import service from "@pulumi/pulumi/proto/language_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/language_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import { execa } from "execa";
import empty from "google-protobuf/google/protobuf/empty_pb.js";

const scripts = join(import.meta.dirname, "../../../node_modules/@pulumi/pulumi/cmd");

/** The script for programs ends with this code where it has told the engine itself what is wrong. */
const hasTold = 32;

// The engine may put flags of its own before its address.
const engineAddress = process.argv.at(-1) ?? "";

type Run = InstanceType<typeof messages.RunRequest>;

async function run(request: Run): Promise<InstanceType<typeof messages.RunResponse>> {
  const info = request.getInfo();
  const { exitCode, all } = await execa(
    process.execPath,
    [
      join(scripts, "run"),
      `--monitor=${request.getMonitorAddress()}`,
      `--engine=${engineAddress}`,
      `--project=${request.getProject()}`,
      `--root-directory=${info?.getRootDirectory() ?? ""}`,
      `--stack=${request.getStack()}`,
      `--pwd=${info?.getProgramDirectory() ?? ""}`,
      `--organization=${request.getOrganization()}`,
      ...(request.getDryrun() ? ["--dry-run"] : []),
      `--parallel=${request.getParallel()}`,
      info?.getEntryPoint() ?? ".",
      ...request.getArgsList(),
    ],
    {
      env: {
        PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().toArray())),
        PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
      },
      all: true,
      reject: false,
    },
  );
  const response = new messages.RunResponse();
  if (exitCode === hasTold) response.setBail(true);
  else if (exitCode !== 0) response.setError(`the program ended with code ${exitCode ?? "none"}: ${all}`);
  return response;
}

type PluginRun = grpc.ServerWritableStream<
  InstanceType<typeof messages.RunPluginRequest>,
  InstanceType<typeof messages.RunPluginResponse>
>;

/** A policy pack, or a package of components for programs in other languages. */
function runPlugin(call: PluginRun): void {
  const { request } = call;
  const folder = request.getInfo()?.getProgramDirectory() ?? "";
  const args = request.getArgsList();
  const words = existsSync(join(folder, "PulumiPlugin.yaml"))
    ? [join(scripts, "run-plugin"), folder, ...args]
    : [join(scripts, "run-policy-pack"), ...args, folder];
  const child = execa(process.execPath, words, {
    cwd: folder,
    env: Object.fromEntries(request.getEnvList().map((line) => line.split(/=(.*)/s, 2))) as NodeJS.ProcessEnv,
    buffer: false,
    reject: false,
    stdin: "ignore",
  });
  child.stdout.on("data", (chunk: Buffer) => call.write(new messages.RunPluginResponse().setStdout(chunk)));
  child.stderr.on("data", (chunk: Buffer) => call.write(new messages.RunPluginResponse().setStderr(chunk)));
  call.on("cancelled", () => child.kill());
  void child.then(({ exitCode = 1 }) => {
    call.end(new messages.RunPluginResponse().setExitcode(exitCode));
  });
}

const implementation: grpc.UntypedServiceImplementation = {
  getPluginInfo: ((_, answer) => {
    answer(null, new plugin.PluginInfo().setVersion("1.0.0"));
  }) satisfies grpc.handleUnaryCall<unknown, unknown>,
  // The engine then takes what lies in PULUMI_HOME.
  getRequiredPackages: ((_, answer) => {
    answer(null, new messages.GetRequiredPackagesResponse());
  }) satisfies grpc.handleUnaryCall<unknown, unknown>,
  // A package of components comes compiled, with its dependencies beside it.
  installDependencies: (call: { readonly end: () => void }) => {
    call.end();
  },
  cancel: ((_, answer) => {
    answer(null, new empty.Empty());
  }) satisfies grpc.handleUnaryCall<unknown, unknown>,
  runPlugin,
  run: (({ request }, answer) => {
    run(request).then(
      (response) => {
        answer(null, response);
      },
      (error: unknown) => {
        answer({ code: grpc.status.UNKNOWN, details: String(error) });
      },
    );
  }) satisfies grpc.handleUnaryCall<Run, unknown>,
};

const server = new grpc.Server();
// What is not here is answered as unimplemented.
server.addService(service.LanguageRuntimeService, implementation);
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${port}\n`);
  // The engine ends this process by a signal, after which Node keeps nothing that it has compiled.
  flushCompileCache();
});
