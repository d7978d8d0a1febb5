/**
 * Serves a stand-in provider to the engine by Pulumi's provider protocol. `main()` of @pulumi/pulumi/provider would do
 * less: it hands no configuration on, and gives a provider no part in previews, so that after a change every output
 * is unknown there.
 */
import { setMaxListeners } from "node:events";

import grpc from "@grpc/grpc-js";
import engineService from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engineMessages from "@pulumi/pulumi/proto/engine_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import service from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import rpcStatus from "@pulumi/pulumi/proto/status_pb.js";
import any from "google-protobuf/google/protobuf/any_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";

import { Unfinished, check, checked, created, diff, refreshed, updated } from "./provider.ts";
import type { Call, Properties, Provider, ResourceType } from "./provider.ts";

/** Marks a secret on the wire, https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go */
const signature = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** The state or inputs of a resource with long values: several sites' bundles are more than gRPC's 4 MB. */
const channel = { "grpc.max_receive_message_length": 400 * 1024 * 1024 };

/** For programs in languages that read it at run time: which resources there are, and of what, without types. */
function schemaOf({ resources }: Provider, version: string): object {
  const any = (names: readonly string[], secret: readonly string[] = []) =>
    Object.fromEntries(
      names.map((name) => [
        name,
        { $ref: "pulumi.json#/Any", ...(secret.includes(name) && { secret: true }) },
      ]),
    );
  const [name] = Object.keys(resources)[0]?.split(":") ?? [];
  return {
    name,
    version,
    resources: Object.fromEntries(
      Object.entries(resources).map(([token, { inputs, computed, secret }]) => [
        token,
        {
          inputProperties: any(Object.keys(inputs)),
          requiredInputs: Object.keys(inputs).filter((it) => inputs[it]?.required),
          properties: any([...Object.keys(inputs), ...computed], secret),
        },
      ]),
    ),
  };
}

type Handler = (request: never) => Promise<unknown>;

const severities = {
  info: engineMessages.LogSeverity.INFO,
  warning: engineMessages.LogSeverity.WARNING,
  error: engineMessages.LogSeverity.ERROR,
};
type Severity = keyof typeof severities;

/**
 * Serves until the engine ends this process. Prints the port, which is how the engine finds it.
 *
 * @param engineAddress - Where the engine listens for log lines.
 */
export async function serve(provider: Provider, version: string, engineAddress: string): Promise<void> {
  const engine = new engineService.EngineClient(engineAddress, grpc.credentials.createInsecure(), channel);
  const cancelled = new AbortController();
  // Every resource at work listens, hundreds of them in a large stack.
  setMaxListeners(0, cancelled.signal);

  const log = (urn: string, severity: Severity, message: string, ephemeral: boolean) => {
    const request = new engineMessages.LogRequest();
    request.setUrn(urn).setSeverity(severities[severity]).setMessage(message).setEphemeral(ephemeral);
    engine.log(request, () => undefined);
  };
  const call = (urn: string, timeout: number): Call => ({
    status: (message) => {
      log(urn, "info", message, true);
    },
    log: (severity, message) => {
      log(urn, severity, message, false);
    },
    signal:
      timeout > 0
        ? AbortSignal.any([cancelled.signal, AbortSignal.timeout(timeout * 1000)])
        : cancelled.signal,
  });
  const typeOf = (urn: string): ResourceType => {
    const token = urn.split("::")[2]?.split("$").at(-1) ?? urn;
    const type = provider.resources[token];
    if (type === undefined)
      throw new Error(
        `the lab's stand-in has no ${token}; it has ${Object.keys(provider.resources).join(", ")}`,
      );
    return type;
  };

  const handlers: Record<string, Handler> = {
    getPluginInfo: () => Promise.resolve(new plugin.PluginInfo().setVersion(version)),
    attach: () => Promise.resolve(new empty.Empty()),
    getSchema: () =>
      Promise.resolve(
        new messages.GetSchemaResponse().setSchema(JSON.stringify(schemaOf(provider, version))),
      ),
    checkConfig: (request: InstanceType<typeof messages.CheckRequest>) =>
      Promise.resolve(new messages.CheckResponse().setInputs(request.getNews())),
    diffConfig: () => Promise.resolve(new messages.DiffResponse()),
    configure: async (request: InstanceType<typeof messages.ConfigureRequest>) => {
      await provider.configure?.(open(plain(request.getArgs())));
      // Without secrets accepted, the engine itself keeps a secret input secret among the outputs.
      return new messages.ConfigureResponse().setSupportspreview(true);
    },
    cancel: () => {
      cancelled.abort(new Error("the run was cancelled"));
      return Promise.resolve(new empty.Empty());
    },
    invoke: async (request: InstanceType<typeof messages.InvokeRequest>) => {
      const run = provider.functions?.[request.getTok()];
      if (run === undefined) throw new Error(`the lab's stand-in has no ${request.getTok()}`);
      return new messages.InvokeResponse().setReturn(wire(await run(plain(request.getArgs()))));
    },
    check: (request: InstanceType<typeof messages.CheckRequest>) => {
      const type = typeOf(request.getUrn());
      const inputs = checked(type, defined(plain(request.getNews())));
      const failures = check(type, inputs).map(({ property, reason }) =>
        new messages.CheckFailure().setProperty(property).setReason(reason),
      );
      return Promise.resolve(new messages.CheckResponse().setInputs(wire(inputs)).setFailuresList(failures));
    },
    diff: (request: InstanceType<typeof messages.DiffRequest>) => {
      const { changed, replaces } = diff(
        typeOf(request.getUrn()),
        defined(plain(request.getOldInputs())),
        defined(plain(request.getNews())),
      );
      const { DIFF_SOME, DIFF_NONE } = messages.DiffResponse.DiffChanges;
      return Promise.resolve(
        new messages.DiffResponse()
          .setChanges(changed.length > 0 ? DIFF_SOME : DIFF_NONE)
          .setDiffsList(changed)
          .setReplacesList(replaces),
      );
    },
    create: async (request: InstanceType<typeof messages.CreateRequest>) => {
      const urn = request.getUrn();
      const type = typeOf(urn);
      const inputs = plain(request.getProperties());
      if (request.getPreview())
        return new messages.CreateResponse().setProperties(wire(created(type, inputs), type.secret));
      try {
        const made = await type.create(inputs, call(urn, request.getTimeout()), request.getName());
        return new messages.CreateResponse()
          .setId(made.id)
          .setProperties(wire(created(type, inputs, made.outputs), type.secret));
      } catch (error) {
        if (!(error instanceof Unfinished)) throw error;
        const { id, outputs } = error.resource;
        throw new InitFailed(
          error.message,
          id,
          wire(created(type, inputs, outputs), type.secret),
          wire(inputs),
        );
      }
    },
    read: async (request: InstanceType<typeof messages.ReadRequest>) => {
      const urn = request.getUrn();
      const type = typeOf(urn);
      const state = plain(request.getProperties());
      const inputs = plain(request.getInputs());
      const found = type.read === undefined ? state : await type.read(request.getId(), state, call(urn, 0));
      if (found === undefined) return new messages.ReadResponse();
      return new messages.ReadResponse()
        .setId(request.getId())
        .setProperties(wire({ ...state, ...found }, type.secret))
        .setInputs(wire(refreshed(type, inputs, found)));
    },
    update: async (request: InstanceType<typeof messages.UpdateRequest>) => {
      const urn = request.getUrn();
      const type = typeOf(urn);
      const inputs = plain(request.getNews());
      const state = plain(request.getOlds());
      if (type.update === undefined) throw new Error("this resource type cannot be changed, only replaced");
      const outputs = request.getPreview()
        ? undefined
        : await type.update(request.getId(), inputs, state, call(urn, request.getTimeout()));
      return new messages.UpdateResponse().setProperties(
        wire(updated(type, inputs, state, outputs), type.secret),
      );
    },
    delete: async (request: InstanceType<typeof messages.DeleteRequest>) => {
      const urn = request.getUrn();
      await typeOf(urn).delete?.(
        request.getId(),
        plain(request.getProperties()),
        call(urn, request.getTimeout()),
      );
      return new empty.Empty();
    },
  };

  const implementation: grpc.UntypedServiceImplementation = {};
  for (const method of Object.keys(service.ResourceProviderService)) {
    const handler = handlers[method];
    const answerTo: grpc.handleUnaryCall<never, unknown> = (incoming, answer) => {
      if (handler === undefined) {
        answer({ code: grpc.status.UNIMPLEMENTED, details: `not in the lab's stand-in: ${method}` });
        return;
      }
      // In a promise of its own, so that what a handler throws at once is answered too.
      Promise.resolve(incoming.request)
        .then(handler)
        .then(
          (response) => {
            answer(null, response);
          },
          (error: unknown) => {
            answer(statusOf(error));
          },
        );
    };
    implementation[method] = answerTo as grpc.UntypedHandleCall;
  }
  const server = new grpc.Server(channel);
  server.addService(service.ResourceProviderService, implementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  process.stdout.write(`${port}\n`);
}

/** A resource that exists but is not finished, as the engine wants it told. */
class InitFailed extends Error {
  readonly detail: InstanceType<typeof messages.ErrorResourceInitFailed>;

  constructor(message: string, id: string, properties: Struct, inputs: Struct) {
    super(message);
    this.detail = new messages.ErrorResourceInitFailed()
      .setId(id)
      .setProperties(properties)
      .setInputs(inputs)
      .setReasonsList([message]);
  }
}

function statusOf(error: unknown): Partial<grpc.StatusObject> {
  const details = error instanceof Error ? error.message : String(error);
  const code = grpc.status.UNKNOWN;
  if (!(error instanceof InitFailed)) return { code, details };
  const detail = new any.Any();
  detail.pack(error.detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new rpcStatus.Status().setCode(code).setMessage(details).addDetails(detail);
  const metadata = new grpc.Metadata();
  // gRPC's own place for structured errors; Node's library has no name for it.
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return { code, details, metadata };
}

type Struct = InstanceType<typeof struct.Struct>;

/** A provider's configuration comes with its secrets marked, whatever the provider says of itself. */
function open(config: Properties): Properties {
  const opened = Object.entries(config).map(([property, value]) => [
    property,
    typeof value === "object" && value !== null && signature in value
      ? (value as Properties)["value"]
      : value,
  ]);
  return Object.fromEntries(opened) as Properties;
}

function plain(properties: Struct | undefined): Properties {
  return properties?.toJavaScript() ?? {};
}

/** The protocol writes an input that is not given as null, or leaves it out. */
function defined(properties: Properties): Properties {
  return Object.fromEntries(
    Object.entries(properties).filter(([property, value]) => value !== null && !property.startsWith("__")),
  );
}

function wire(properties: Properties, secret: readonly string[] = []): Struct {
  const marked = Object.entries(properties)
    .filter(([, value]) => value !== undefined)
    .map(([property, value]) => [
      property,
      secret.includes(property) ? { [signature]: secretSignature, value } : value,
    ]);
  return struct.Struct.fromJavaScript(
    Object.fromEntries(marked) as Parameters<typeof struct.Struct.fromJavaScript>[0],
  );
}
