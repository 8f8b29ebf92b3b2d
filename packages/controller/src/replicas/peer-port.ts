import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Address } from "../address.ts";
import { SocketDoor } from "./socket-door.ts";

/** What a connection from another replica is for: a client of the API that it passes on, or a node. */
export type Purpose = "api" | "device";

const purposes: readonly Purpose[] = ["api", "device"];
/** A replica that does not answer by then does not lead. */
const answerTimeout = 2_000;
const accepted = "+";
/** One whose machine is gone says nothing: it is asked for, and given up 10 s later. */
const aliveEvery = 30_000;
const alive = { noDelay: true, keepAlive: true, keepAliveInitialDelay: aliveEvery } as const;

/**
 * Where the other replicas hand over connections that only the leader can serve, each with a line that says what it
 * is. Inside is TLS from end to end: this port adds no trust. Only who leads takes them, so none goes in circles.
 */
export function peerPort(serve: Serve): SocketDoor {
  return new SocketDoor(alive, (socket) => {
    socket.on("error", () => undefined);
    void accept(socket, serve);
  });
}

/** Undefined while this replica does not lead. */
type Serve = () => ((purpose: Purpose, socket: Socket) => void) | undefined;

async function accept(socket: Socket, serve: Serve): Promise<void> {
  const line = await firstBytes(socket, longestPurpose);
  const purpose = purposes.find((one) => line?.trimEnd() === one);
  const take = serve();
  if (purpose === undefined || take === undefined) {
    socket.destroy();
    return;
  }
  // The other side says no more until it hears this, so nothing of what follows has been read here.
  socket.write(accepted);
  take(purpose, socket);
}

const longestPurpose = "device\n".length;

/** A connection to the leader, on which everything from now on is between it and the client. */
export async function connectToPeer({ host, port }: Address, purpose: Purpose): Promise<Socket> {
  const socket = connect({ host, port, ...alive });
  socket.setTimeout(answerTimeout, () => socket.destroy(new Error("no answer came in time")));
  const failed = once(socket, "error").then(([error]) => Promise.reject(error as Error));
  failed.catch(() => undefined);
  await Promise.race([once(socket, "connect"), failed]);
  socket.write(purpose.padEnd(longestPurpose - 1).concat("\n"));
  if ((await firstBytes(socket, accepted.length)) !== accepted) {
    socket.destroy();
    throw new Error(`the replica at ${host}:${port} does not lead`);
  }
  return socket;
}

/** Exactly so many bytes; undefined when they do not come. */
function firstBytes(socket: Socket, count: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const done = (text: string | undefined): void => {
      socket.off("readable", look);
      socket.off("close", ended);
      socket.setTimeout(0);
      resolve(text);
    };
    const ended = (): void => done(undefined);
    const look = (): void => {
      const bytes = socket.read(count) as Uint8Array | null;
      if (bytes !== null) done(Buffer.from(bytes).toString());
    };
    socket.setTimeout(answerTimeout, () => socket.destroy());
    socket.on("readable", look);
    socket.on("close", ended);
  });
}
