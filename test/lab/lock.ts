/** One run at a time works on an instance of the lab. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** Held until it is released or this process dies, however it dies. */
export interface Lock {
  release(): Promise<void>;
}

/**
 * Waits until no other run works on the instance. The lock is a socket in Linux's abstract namespace: it needs no file,
 * so that nothing is left behind by a run that was killed.
 *
 * @param onWait - Gets who holds the lock, once, where there is somebody to wait for.
 */
export async function lock(name: string, onWait: (holder: string) => void = () => undefined): Promise<Lock> {
  const address = `\0protected-sites-${name}`;
  for (let told = false; ;) {
    const waiting = new Set<Socket>();
    const server = createServer((socket) => {
      waiting.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => waiting.delete(socket));
      socket.write(`${process.pid}`);
      socket.unref();
    });
    server.listen(address);
    try {
      await once(server, "listening");
      server.unref();
      return {
        release: () =>
          new Promise((resolve) => {
            server.close(() => {
              resolve();
            });
            // They wait for just this; the server would wait for them.
            for (const socket of waiting) socket.destroy();
          }),
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
    await holderGone(address, (holder) => {
      if (!told) onWait(holder);
      told = true;
    });
  }
}

/** The holder says its process ID and then nothing more; the connection ends when the holder does. */
async function holderGone(address: string, onHolder: (holder: string) => void): Promise<void> {
  const socket = connect(address);
  socket.on("data", (data) => {
    onHolder(data.toString());
  });
  socket.on("error", () => socket.destroy());
  await new Promise((resolve) => socket.on("close", resolve));
}
