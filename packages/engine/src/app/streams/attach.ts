import type { ext, LinkStream } from "@selvedge/eve-api";
import { guestOf, type Serve, type StreamTarget } from "./target.ts";

/**
 * What one viewer has not taken yet; beyond it the oldest goes, for the container must not wait for a
 * viewer.
 */
const behindMax = 256 * 1024;

/** The container's own input and output, shared with its log and with other viewers. */
export function openAttach(
  stream: LinkStream,
  attach: ext.OpenAttach,
  { app, index, stdinOnce }: StreamTarget,
): Serve {
  const guest = guestOf(app);
  const attempt = app.record.containers[index - 1]?.attempt;
  const pieces: { channel: 1 | 2; bytes: Uint8Array }[] = [];
  let behind = 0;
  let wake = Promise.withResolvers<void>();
  let [over, leaves] = [false, false];
  const stop = app.onOutput(index, (output) => {
    if (output.attempt !== attempt || !(output.channel === 2 ? attach.stderr : attach.stdout)) return;
    pieces.push({ channel: output.channel, bytes: output.bytes });
    behind += output.bytes.length;
    while (behind > behindMax) behind -= pieces.shift()?.bytes.length ?? behind;
    wake.resolve();
  });
  const stopEnd = app.logs.onWritten(() => wake.resolve());
  stream.onResize((width, height) => guest.resize(index, width, height));
  stream.onData(async (channel, bytes) => {
    if (channel === 0 && attach.stdin) await guest.input(index, bytes);
  });
  stream.onEnd((channel) => {
    if (channel !== 0 || !attach.stdin) return;
    if (stdinOnce && !attach.tty) return guest.endInput(index);
    // As upstream: the container goes on, and who had no more to say leaves.
    leaves = true;
    wake.resolve();
  });
  void stream.closed.then(() => {
    over = true;
    wake.resolve();
  });
  return async () => {
    try {
      while (!over) {
        const run = app.machine.guest?.run(index);
        const piece = pieces.shift();
        if (piece !== undefined) {
          behind -= piece.bytes.length;
          await stream.write(piece.channel, piece.bytes);
        } else if (leaves || run?.phase === "exited" || run?.attempt !== attempt) {
          // As upstream: how the container ended is the Pod's to tell. Told here, it would be a failure to
          // attach, for which kubectl makes up with the log: everything would be shown twice.
          stream.exit(0);
          stream.reset();
          return;
        } else {
          await wake.promise;
          wake = Promise.withResolvers<void>();
        }
      }
    } finally {
      stop();
      stopEnd();
    }
  };
}
