/**
 * exec and attach, whatever the client's transport: bytes go both ways between its channels and the
 * process, and when the process has ended and its output has left, the client is told how.
 */
import { finished, type Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Clock, describeError, seconds } from "@selvedge/base";
import { StatusError } from "../status-error.ts";
import type { ProcessSession } from "./pod-streams.ts";

/** The client's end of a session. Streams it did not ask for are undefined. */
export interface ClientChannels {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Whether it is somebody at a terminal. */
  readonly tty: boolean;
  onResize(listener: (width: number, height: number) => void): void;
  /** Tells how the process ended: a metav1.Status as JSON. */
  finish(status: string): Promise<void>;
  /** Resolves when the client is gone. */
  readonly gone: Promise<unknown>;
}

const nothing = Buffer.alloc(0);
/** How long a command goes on that has got all of its input, and whose client is gone. */
const lingers = seconds(30);

export async function runSession(
  session: ProcessSession,
  client: ClientChannels,
  clock: Clock,
): Promise<void> {
  const { stdin, stdout, stderr } = client;
  client.onResize((width, height) => session.resize(width, height));
  const sent = stdin === undefined ? Promise.resolve(false) : sendInput(stdin, session);
  void client.gone.then(async () => {
    if (!client.tty) await outlive(session, sent, clock);
    session.close();
  });
  const outputs = [copy(session.stdout, stdout), copy(session.stderr, stderr)];
  const status = await session.exit.then(exitStatus, failureStatus);
  await Promise.race([Promise.all(outputs), client.gone]);
  await client.finish(JSON.stringify(status));
  session.close();
}

/** Whether all that the client had to say has left. */
async function sendInput(stdin: Readable, session: ProcessSession): Promise<boolean> {
  if (session.stdin === undefined) return false;
  try {
    await pipeline(stdin, session.stdin);
    return true;
  } catch {
    // A process that does not read its input any more ends the way in, and nothing else.
    stdin.resume();
    return false;
  }
}

/** Some clients send a file and leave without a look at what becomes of it, as Ansible's `k8s_cp` does. */
async function outlive(session: ProcessSession, sent: Promise<boolean>, clock: Clock): Promise<void> {
  const late = Promise.withResolvers<false>();
  const timer = clock.setTimer(lingers, () => late.resolve(false));
  const ended = session.exit.then(
    () => false,
    () => false,
  );
  if (await Promise.race([sent, late.promise])) await Promise.race([ended, late.promise]);
  timer.cancel();
}

/** Copies until the source ends and all of it has left; the target stays open, as its connection carries more. */
function copy(from: Readable | undefined, to: Writable | undefined): Promise<void> {
  if (from === undefined) return Promise.resolve();
  if (to === undefined) {
    from.resume();
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    finished(from, { writable: false }, () => {
      // What ends the session goes another way, and must not overtake what still waits here.
      if (to.destroyed || to.writableLength === 0) resolve();
      else to.write(nothing, () => resolve());
    });
    finished(to, { readable: false }, () => {
      // Nobody listens any more: the process may go on talking without being held up.
      from.unpipe(to);
      from.resume();
    });
    from.pipe(to, { end: false });
  });
}

export function exitStatus(code: number): Record<string, unknown> {
  if (code === 0) return { metadata: {}, status: "Success" };
  return {
    metadata: {},
    status: "Failure",
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(code) }] },
  };
}

/** Why there was no exit code. */
export function failureStatus(error: unknown): Record<string, unknown> {
  if (error instanceof StatusError) return error.toStatus();
  const message = `error executing command in container: ${describeError(error)}`;
  return new StatusError(500, "InternalError", `Internal error occurred: ${message}`, {
    causes: [{ message }],
  }).toStatus();
}

/** Parses what clients send on the resize channel. */
export function parseSize(text: string): { width: number; height: number } | undefined {
  try {
    const { Width: width, Height: height } = JSON.parse(text) as { Width?: unknown; Height?: unknown };
    const whole = (value: unknown): value is number => Number.isInteger(value) && Number(value) > 0;
    // A terminal's size travels in 16 bits.
    if (!whole(width) || !whole(height) || width > 0xffff || height > 0xffff) return undefined;
    return { width, height };
  } catch {
    return undefined;
  }
}
