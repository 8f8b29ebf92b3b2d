import assert from "node:assert/strict";
import type { Duplex } from "node:stream";
import { duplexPair } from "node:stream";
import { describe, it } from "node:test";
import { SpdyConnection } from "./connection.ts";
import { dictionary, dictionaryAdler } from "./dictionary.ts";
import { controlFrame, dataFrame, type Frame, FrameParser, frameType } from "./frames.ts";
import { HeaderReader, type Headers, HeaderWriter, SpdyError } from "./headers.ts";

/** What can be read, without destroying a stream that is still to be written to, as an iterator would. */
function textOf(stream: Duplex): Promise<string> {
  let read = "";
  stream.on("data", (part: Buffer) => {
    read += part.toString();
  });
  return new Promise((resolve) => stream.once("end", () => resolve(read)));
}

function adler32(bytes: Uint8Array): number {
  let [low, high] = [1, 0];
  for (const byte of bytes) {
    low = (low + byte) % 65_521;
    high = (high + low) % 65_521;
  }
  return high * 65_536 + low;
}

describe("header blocks", () => {
  it("are primed with the protocol's dictionary", () => {
    assert.equal(dictionary.length, 1423);
    assert.equal(adler32(dictionary), dictionaryAdler);
  });

  it("are read one after the other in one compression", async () => {
    using reader = new HeaderReader();
    const writer = new HeaderWriter();
    const blocks: Headers[] = [
      { streamtype: "data", port: "80" },
      {},
      { requestid: "7", "x-long": "v".repeat(3000) },
    ];
    for (const headers of blocks) assert.deepEqual(await reader.read(writer.write(headers)), headers);
  });

  it("that inflate without end, or are broken, are refused", async () => {
    using reader = new HeaderReader();
    const long = new HeaderWriter().write({ bomb: "b".repeat(60_000) });
    await reader.read(long);
    using other = new HeaderReader();
    await assert.rejects(other.read(Buffer.from("no zlib at all")), SpdyError);
    await assert.rejects(other.read(Buffer.alloc(0)), SpdyError);
  });
});

describe("frames", () => {
  it("are cut out of chunks of any size", () => {
    const bytes = Buffer.concat([
      dataFrame(1, Buffer.from("hello"), false),
      controlFrame(frameType.ping, 9),
      dataFrame(3, Buffer.alloc(0), true),
    ]);
    for (const size of [1, 3, 7, bytes.length]) {
      const parser = new FrameParser();
      const frames: Frame[] = [];
      for (let at = 0; at < bytes.length; at += size)
        frames.push(...parser.push(bytes.subarray(at, at + size)));
      assert.deepEqual(
        frames.map((frame) =>
          frame.kind === "data" ? [frame.stream, frame.bytes.toString(), frame.fin] : frame.type,
        ),
        [[1, "hello", false], frameType.ping, [3, "", true]],
      );
    }
  });

  it("that are too long, or of another version, end the connection", () => {
    const long = Buffer.from([0, 0, 0, 1, 0, 0xff, 0xff, 0xff]);
    assert.throws(() => [...new FrameParser().push(long)], /16777215 bytes is too long/);
    const old = Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 0]);
    assert.throws(() => [...new FrameParser().push(old)], /speaks SPDY 2/);
  });
});

/** A client that writes frames by hand. */
class Client {
  readonly wire: Duplex;
  readonly frames: Frame[] = [];
  readonly #writer = new HeaderWriter();
  #waiting: (() => void) | undefined;

  constructor(wire: Duplex) {
    this.wire = wire;
    const parser = new FrameParser();
    wire.on("data", (chunk: Buffer) => {
      this.frames.push(...parser.push(chunk));
      this.#waiting?.();
    });
    wire.on("error", () => undefined);
  }

  open(id: number, headers: Headers): void {
    this.wire.write(controlFrame(frameType.synStream, id, 0, Buffer.alloc(2), this.#writer.write(headers)));
  }

  async frame(wanted: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(wanted);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }
}

function connected(onStream: (stream: Duplex, headers: Headers) => void): {
  client: Client;
  connection: SpdyConnection;
} {
  const [ours, theirs] = duplexPair();
  return { client: new Client(theirs), connection: new SpdyConnection(ours, onStream) };
}

const isControl =
  (type: number) =>
  (frame: Frame): boolean =>
    frame.kind === "control" && frame.type === type;

describe("a connection", () => {
  it("answers streams and pings, and half-closes each way", async () => {
    const opened = Promise.withResolvers<[Duplex, Headers]>();
    const { client, connection } = connected((...both) => opened.resolve(both));
    client.open(1, { streamtype: "data", port: "8080" });
    await client.frame(isControl(frameType.synReply));
    const [stream, headers] = await opened.promise;
    assert.deepEqual(headers, { streamtype: "data", port: "8080" });
    client.wire.write(controlFrame(frameType.ping, 77));
    const ping = await client.frame(isControl(frameType.ping));
    assert.equal(ping.kind === "control" && ping.body.readUInt32BE(0), 77);
    client.wire.write(dataFrame(1, Buffer.from("ques"), false));
    client.wire.write(dataFrame(1, Buffer.from("tion"), true));
    assert.equal(await textOf(stream), "question");
    stream.end("answer");
    const answer = await client.frame((frame) => frame.kind === "data" && frame.bytes.length > 0);
    assert.equal(answer.kind === "data" && answer.bytes.toString(), "answer");
    await client.frame((frame) => frame.kind === "data" && frame.fin);
    connection.close();
    await client.frame(isControl(frameType.goAway));
  });

  it("resets what nobody wants, and tells when the client resets", async () => {
    const streams: Duplex[] = [];
    const { client } = connected((stream) => streams.push(stream));
    client.open(1, {});
    client.open(3, {});
    while (streams.length < 2)
      await client.frame(isControl(frameType.synReply)).then(() => new Promise(setImmediate));
    streams[0]?.destroy();
    const reset = await client.frame(isControl(frameType.rstStream));
    assert.equal(reset.kind === "control" && reset.body.readUInt32BE(0), 1);
    const failed = new Promise<Error>((resolve) => streams[1]?.once("error", resolve));
    client.wire.write(controlFrame(frameType.rstStream, 3, 5));
    assert.match((await failed).message, /the client reset the stream/);
  });

  it("stops reading when a reader is slow, and goes on when it is not", async () => {
    const opened = Promise.withResolvers<Duplex>();
    const { client } = connected((stream) => opened.resolve(stream));
    client.open(1, {});
    const stream = await opened.promise;
    const part = Buffer.alloc(32 * 1024, "x");
    let sent = 0;
    while (sent < 4 * 1024 * 1024 && client.wire.write(dataFrame(1, part, false))) {
      sent += part.length;
      await new Promise(setImmediate);
    }
    assert.ok(sent < 1024 * 1024, `${sent} bytes were taken although nobody reads`);
    client.wire.write(dataFrame(1, Buffer.alloc(0), true));
    const taken = (await textOf(stream)).length;
    assert.equal(taken, sent + part.length);
  });

  it("ends its streams with itself, and refuses numbers out of order", async () => {
    const opened = Promise.withResolvers<Duplex>();
    const { client, connection } = connected((stream) => opened.resolve(stream));
    client.open(5, {});
    const failed = new Promise<Error>(
      (resolve) => void opened.promise.then((it) => it.once("error", resolve)),
    );
    await opened.promise;
    client.open(3, {});
    assert.match((await connection.closed)?.message ?? "", /stream 3 is out of order/);
    assert.match((await failed).message, /out of order/);
  });
});
