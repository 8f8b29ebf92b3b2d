/** Asks whether somebody is there, from one address of the node or by one of its cards. */
import { connect, isIPv6 } from "node:net";
import { run } from "./run.ts";

/** One echo, which may get lost. `by` is an address or the name of a card. */
export async function ping(host: string, by: string, version: 4 | 6, seconds: number): Promise<void> {
  await run("busybox", ["ping", `-${version}`, "-q", "-c", "1", "-W", `${seconds}`, "-I", by, host]);
}

/** A handshake is an answer. */
export async function greet(
  { host, port }: { readonly host: string; readonly port: number },
  from: string,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const socket = connect({ host, port, localAddress: from, family: isIPv6(from) ? 6 : 4 });
  // The signal lives as long as the node asks: what is added to it is taken away again.
  const stop = (): void => void socket.destroy(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve).once("error", reject);
      socket.setTimeout(limitMs, () => reject(new Error(`${host}:${port} does not answer`)));
    });
  } finally {
    signal.removeEventListener("abort", stop);
    socket.destroy();
  }
}
