/**
 * exec and attach, whatever the client's transport: bytes go both ways between its channels and the
 * process, and when the process has ended and its output has left, the client is told how.
 */
import { finished, type Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describeError } from "@selvedge/base";
import { StatusError } from "../status-error.ts";
import type { ProcessSession } from "./pod-streams.ts";

/** The client's end of a session. Streams it did not ask for are undefined. */
export interface ClientChannels {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  onResize(listener: (width: number, height: number) => void): void;
  /** Tells how the process ended: a metav1.Status as JSON. */
  finish(status: string): Promise<void>;
  /** Resolves when the client is gone. */
  readonly gone: Promise<unknown>;
}

const nothing = Buffer.alloc(0);

export async function runSession(session: ProcessSession, client: ClientChannels): Promise<void> {
  const { stdin, stdout, stderr } = client;
  client.onResize((width, height) => session.resize(width, height));
  void client.gone.then(() => session.close());
  // A process that does not read its input any more ends the way in, and nothing else.
  if (stdin !== undefined && session.stdin !== undefined) {
    pipeline(stdin, session.stdin).catch(() => stdin.resume());
  }
  const outputs = [copy(session.stdout, stdout), copy(session.stderr, stderr)];
  const status = await session.exit.then(exitStatus, failureStatus);
  await Promise.race([Promise.all(outputs), client.gone]);
  await client.finish(JSON.stringify(status));
  session.close();
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
