import assert from "node:assert/strict";
import { PassThrough, Readable, Writable } from "node:stream";
import { it } from "node:test";
import { SystemClock } from "@selvedge/base";
import type { ProcessSession } from "./pod-streams.ts";
import { type ClientChannels, runSession } from "./remote-command.ts";

it("the end of a process is told after all that it said, however slow the client's connection", async () => {
  const said = Array.from({ length: 20 }, () => Buffer.alloc(10_000, "x"));
  let [sent, sentAtEnd] = [0, -1];
  const stdout = new Writable({
    highWaterMark: 64 * 1024,
    write: (chunk: Buffer, _encoding, done) => {
      sent += chunk.length;
      setImmediate(done);
    },
  });
  const session: ProcessSession = {
    ...{ stdin: undefined, stdout: Readable.from(said), stderr: new PassThrough().end() },
    ...{ exit: Promise.resolve(0), resize: () => undefined, close: () => undefined },
  };
  const client: ClientChannels = {
    ...{ stdin: undefined, stdout, stderr: undefined, gone: new Promise(() => undefined) },
    tty: false,
    onResize: () => undefined,
    finish: async (status) => {
      assert.equal((JSON.parse(status) as { status: string }).status, "Success");
      sentAtEnd = sent;
    },
  };
  await runSession(session, client, new SystemClock());
  assert.equal(sentAtEnd, 200_000);
});
