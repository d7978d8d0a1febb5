/** An application that speaks gRPC and tells what it got, and a client of it: both of gRPC's own making, with bytes for messages. */
import {
  type CallOptions,
  ChannelCredentials,
  Client,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  status,
} from "@grpc/grpc-js";

import type { Site } from "../../components/site/site.ts";

const bytes = (it: Buffer) => it;

function method(path: string, requestStream: boolean, responseStream: boolean) {
  return {
    ...{ path, requestStream, responseStream },
    ...{ requestSerialize: bytes, requestDeserialize: bytes },
    ...{ responseSerialize: bytes, responseDeserialize: bytes },
  } satisfies MethodDefinition<Buffer, Buffer>;
}

const service = {
  Tell: method("/test.Echo/Tell", false, false),
  Refuse: method("/test.Echo/Refuse", false, false),
  Count: method("/test.Echo/Count", false, true),
  Join: method("/test.Echo/Join", true, false),
  Talk: method("/test.Echo/Talk", true, true),
};

const told = (metadata: Metadata) => Buffer.from(JSON.stringify(metadata.getMap()));

const tell: handleUnaryCall<Buffer, Buffer> = (call, answer) => {
  const [initial, trailers] = [new Metadata(), new Metadata()];
  initial.set("x-initial", "the start");
  trailers.set("x-trailer", "the end");
  call.sendMetadata(initial);
  answer(null, told(call.metadata), trailers);
};

const refuse: handleUnaryCall<Buffer, Buffer> = (_, answer) => {
  answer({ code: status.FAILED_PRECONDITION, details: "not on a Sunday" });
};

const count: handleServerStreamingCall<Buffer, Buffer> = (call) => {
  for (const text of ["1", "2"]) call.write(Buffer.from(text));
  call.write(told(call.metadata));
  call.end();
};

const join: handleClientStreamingCall<Buffer, Buffer> = (call, answer) => {
  const parts: Buffer[] = [];
  call.on("data", (part: Buffer) => parts.push(part));
  call.on("end", () => {
    answer(null, Buffer.concat(parts));
  });
};

const talk: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
  call.on("data", (part: Buffer) => call.write(Buffer.from(`${part.toString()}!`)));
  call.on("end", () => {
    call.end();
  });
};

/** @returns where it listens, as in `127.0.0.1:50051` */
export async function startEcho(credentials = ServerCredentials.createInsecure()): Promise<string> {
  const server = new Server();
  server.addService(service, { Tell: tell, Refuse: refuse, Count: count, Join: join, Talk: talk });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return `127.0.0.1:${port}`;
}

/** What came back of one call. */
export interface Told {
  readonly body: string;
  readonly initial: Metadata;
  readonly trailers: Metadata;
}

/** Calls one site. A call that fails throws gRPC's own `ServiceError`. */
export class Echo {
  readonly #client: Client;

  constructor({ domain }: Site) {
    const credentials = ChannelCredentials.createSsl(null, null, null, { rejectUnauthorized: false });
    this.#client = new Client("127.0.0.1:443", credentials, {
      "grpc.ssl_target_name_override": domain,
      "grpc.default_authority": domain,
    });
  }

  close(): void {
    this.#client.close();
  }

  unary(name: "Tell" | "Refuse", metadata: Metadata): Promise<Told> {
    const { path } = service[name];
    return new Promise((resolve, reject) => {
      let [body, initial] = ["", new Metadata()];
      const message = Buffer.from("x");
      const call = this.#client.makeUnaryRequest(
        ...([path, bytes, bytes, message, metadata, patience()] as const),
        (error, answer) => {
          if (error !== null) reject(error);
          body = answer?.toString() ?? "";
        },
      );
      call.on("metadata", (it) => (initial = it));
      // After the callback.
      call.on("status", ({ metadata: trailers }) => {
        setImmediate(resolve, { body, initial, trailers });
      });
    });
  }

  /** All that comes of one call. */
  count(metadata: Metadata): Promise<string[]> {
    const { path } = service.Count;
    return heard(
      this.#client.makeServerStreamRequest(path, bytes, bytes, Buffer.alloc(0), metadata, patience()),
    );
  }

  join(metadata: Metadata, parts: readonly string[]): Promise<string> {
    const { path } = service.Join;
    return new Promise((resolve, reject) => {
      const call = this.#client.makeClientStreamRequest(
        ...([path, bytes, bytes, metadata, patience()] as const),
        (error, answer) => {
          if (error !== null) reject(error);
          else resolve(answer?.toString() ?? "");
        },
      );
      for (const part of parts) call.write(Buffer.from(part));
      call.end();
    });
  }

  /** Says each word once the one before has been answered. */
  talk(metadata: Metadata, words: readonly string[]): Promise<string[]> {
    const { path } = service.Talk;
    const call = this.#client.makeBidiStreamRequest(path, bytes, bytes, metadata, patience());
    const left = [...words];
    const next = () => {
      const word = left.shift();
      if (word === undefined) call.end();
      else call.write(Buffer.from(word));
    };
    call.on("data", next);
    next();
    return heard(call);
  }
}

function patience(): CallOptions {
  return { deadline: Date.now() + 60_000 };
}

function heard(call: NodeJS.EventEmitter): Promise<string[]> {
  const all: string[] = [];
  call.on("data", (it: Buffer) => all.push(it.toString()));
  return new Promise((resolve, reject) => {
    call.on("error", reject);
    call.on("end", () => {
      resolve(all);
    });
  });
}
