/**
 * What one `up` has at a time: a folder, or the choice among the machine's networks. The kernel holds the claim, so
 * it ends with its process however that ends.
 */
import { createHash } from "node:crypto";
import { createServer } from "node:net";

/** Undefined when another process has it. */
export async function claim(what: string): Promise<AsyncDisposable | undefined> {
  const server = createServer((socket) => socket.destroy());
  const id = createHash("sha256").update(what).digest("hex").slice(0, 32);
  const isOurs = await new Promise<boolean>((resolve, reject) => {
    server.once("error", (error) => {
      if ("code" in error && error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    });
    // A name without a file: nothing is left to be mistaken for a claim after a crash.
    server.listen(`\0selvedge-up-${id}`, () => resolve(true));
  });
  if (!isOurs) return undefined;
  return {
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
