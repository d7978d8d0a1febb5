/** Bytes over TLS or over port 80, and what comes back, without a client that knows better. */
import { connect as connectPlainly } from "node:net";
import { connect } from "node:tls";

/**
 * Sends `bytes` and reads until the host closes or says nothing more.
 * @returns all that came, as Latin-1; of HTTP/2 what its DATA frames hold
 */
export function exchange(args: {
  readonly address: string;
  readonly servername: string;
  /** `plain` is port 80. */
  readonly protocol: "http1" | "http2" | "plain";
  readonly bytes: Buffer;
}): Promise<string> {
  const { address, servername, protocol, bytes } = args;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const ALPNProtocols = [protocol === "http2" ? "h2" : "http/1.1"];
    const socket =
      protocol === "plain"
        ? connectPlainly({ host: address, port: 80 })
        : connect({ host: address, port: 443, servername, ALPNProtocols });
    socket.on(protocol === "plain" ? "connect" : "secureConnect", () => {
      socket.write(bytes);
      socket.setTimeout(1500);
    });
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("timeout", () => socket.destroy());
    socket.on("error", (error: NodeJS.ErrnoException) => {
      // The host closes on what it will not read.
      if (!["ECONNRESET", "EPIPE"].includes(error.code ?? "")) reject(error);
    });
    socket.on("close", () => {
      const all = Buffer.concat(chunks);
      resolve(protocol === "http2" ? dataFrames(all) : all.toString("latin1"));
    });
  });
}

/** The preface, empty settings and one request without a body, its headers as literals. */
export function http2Request(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  const block = Buffer.concat(
    headers.flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]),
  );
  return Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    frame(4, 0, 0, Buffer.alloc(0)),
    frame(1, 0x4 | 0x1, 1, block),
  ]);
}

/** RFC 7541, 5.2, without Huffman. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const length: number[] = [];
  if (bytes.length < 127) length.push(bytes.length);
  else {
    length.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function dataFrames(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at + 9 <= bytes.length;) {
    const length = bytes.readUIntBE(at, 3);
    if (bytes[at + 3] === 0) text += bytes.toString("latin1", at + 9, at + 9 + length);
    at += 9 + length;
  }
  return text;
}
