import { describeError } from "@selvedge/base";
import { LinkClosedError, type LinkStream } from "@selvedge/eve-api";
import type { AppInstance } from "../app-instance.ts";
import { guestOf, type Serve } from "./target.ts";

/** One connection to a port inside the app's machine, half-closing as its ends do. */
export async function openPort(stream: LinkStream, port: number, app: AppInstance): Promise<Serve> {
  const connection = guestOf(app).dial(port);
  stream.onData(async (channel, bytes) => {
    if (channel === 0) await connection.write(bytes);
  });
  stream.onEnd((channel) => {
    if (channel === 0) connection.end();
  });
  void stream.closed.then(() => connection.close());
  try {
    await connection.opened;
  } catch (error) {
    const { namespace, name } = app.record.spec.pod;
    const message = `failed to connect to port ${port} of pod ${namespace}/${name}: ${describeError(error)}`;
    throw new LinkClosedError(message, "InternalError");
  }
  return async () => {
    for await (const { bytes } of connection.output) await stream.write(1, bytes);
    stream.end(1);
    await connection.exit;
    stream.reset();
  };
}
