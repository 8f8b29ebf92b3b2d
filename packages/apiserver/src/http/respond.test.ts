import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { sendBody } from "./respond.ts";

class Answer extends Writable {
  readonly parts: Buffer[] = [];
  headers: Readonly<Record<string, unknown>> = {};

  writeHead(_code: number, headers: Answer["headers"]): void {
    this.headers = headers;
  }

  override _write(part: Buffer, _encoding: string, done: () => void): void {
    this.parts.push(part);
    setImmediate(done);
  }

  get whole(): Buffer {
    return Buffer.concat(this.parts);
  }
}

async function answered(body: string | Uint8Array, asked: object = {}, method = "GET"): Promise<Answer> {
  const answer = new Answer();
  const request = { method, headers: asked } as IncomingMessage;
  sendBody(request, answer as unknown as ServerResponse, 200, body, {});
  await finished(answer);
  return answer;
}

/** Letters of one, two and four bytes. */
const text = "aé😀".repeat(200_000);

describe("a long body is sent in pieces", () => {
  for (const [name, body] of [
    ["text", text],
    ["bytes", Buffer.from(text)],
  ] as const) {
    it(name, async () => {
      const answer = await answered(body);
      assert.ok(answer.whole.equals(Buffer.from(text)));
      assert.equal(answer.headers["content-length"], answer.whole.length);
      assert.ok(answer.parts.length > 1, "it was sent in one go");
      assert.ok(answer.parts.every(({ length }) => length <= 256 * 1024));
    });
  }

  it("packed", async () => {
    const noise = Array.from({ length: 200_000 }, (_, at) => Math.sin(at)).join();
    const answer = await answered(noise, { "accept-encoding": "gzip" });
    assert.equal(gunzipSync(answer.whole).toString(), noise);
    assert.ok(answer.parts.length > 1, "it was sent in one go");
  });

  it("not at all to who asks for the head", async () => {
    const answer = await answered(text, {}, "HEAD");
    assert.deepEqual([answer.parts, answer.headers["content-length"]], [[], Buffer.byteLength(text)]);
  });
});

it("a short body is one piece with its headers", async () => {
  const answer = await answered("short");
  assert.deepEqual(answer.parts.map(String), ["short"]);
});
