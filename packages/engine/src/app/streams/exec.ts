import { describeError } from "@selvedge/base";
import { type ext, LinkClosedError, type LinkStream } from "@selvedge/eve-api";
import { guestOf, type Serve, type StreamTarget } from "./target.ts";

/** A command in a running container, as its user, with its variables. */
export async function openExec(
  stream: LinkStream,
  exec: ext.OpenExec,
  { app, index }: StreamTarget,
): Promise<Serve> {
  const guest = guestOf(app);
  const target = app.target(index);
  const env = [...(target?.env ?? [])];
  if (exec.tty && !env.some((it) => it.startsWith("TERM="))) env.push("TERM=xterm");
  const { user = "", cwd = "/" } = target ?? {};
  const { tty, stdin } = exec;
  const session = guest.exec(index, exec.command, { tty, stdin, user, env, cwd });
  stream.onResize((width, height) => session.resize(width, height));
  stream.onData(async (channel, bytes) => {
    if (channel === 0) await session.write(bytes);
  });
  stream.onEnd((channel) => {
    if (channel === 0) session.end();
  });
  void stream.closed.then(() => session.close());
  try {
    await session.opened;
  } catch (error) {
    const message = `failed to exec in container: failed to start exec: ${describeError(error)}`;
    throw new LinkClosedError(message, "InternalError");
  }
  return async () => {
    for await (const { channel, bytes } of session.output)
      if (channel === 2 ? exec.stderr : exec.stdout) await stream.write(channel, bytes);
    const code = await session.exit;
    for (const channel of [1, 2]) stream.end(channel);
    stream.exit(code);
    stream.reset();
  };
}
