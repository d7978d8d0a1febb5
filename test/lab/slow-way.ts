/**
 * A way to a host on which everything takes its time, as between continents. The kernel's own way to do that (netem) is
 * not in every kernel.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A port of 127.0.0.1 that leads to another, with so many milliseconds on the way there and as many on the way back. */
export async function slowWay(
  to: { readonly address: string; readonly port: number },
  milliseconds: number,
): Promise<{ readonly port: number; close: () => void }> {
  const open = new Set<Socket>();
  const forward = (from: Socket, onward: Socket) => {
    open.add(from);
    const later = (what: () => void) => setTimeout(what, milliseconds);
    from.on("data", (data) => later(() => onward.write(data)));
    from.on("end", () => later(() => onward.end()));
    from.on("error", () => later(() => onward.destroy()));
    from.on("close", () => open.delete(from));
  };
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: to.address, port: to.port, allowHalfOpen: true });
    forward(near, far);
    forward(far, near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
