import assert from "node:assert/strict";
import { once } from "node:events";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import { decodeBody } from "../rest/object-body.ts";
import { readBody } from "./body.ts";

const most = 3 * 1024 * 1024;

function incoming(headers: Record<string, string> = {}): PassThrough & IncomingMessage {
  return Object.assign(new PassThrough(), { headers }) as unknown as PassThrough & IncomingMessage;
}

describe("a request's body", () => {
  it("is whole when it ends, in however many parts it came", async () => {
    const request = incoming();
    const body = readBody(request);
    for (const part of ["a", "bc"]) request.write(part);
    request.end("d");
    assert.equal(Buffer.from(await body).toString(), "abcd");
    const empty = incoming();
    empty.end();
    assert.equal((await readBody(empty)).length, 0);
  });

  it("is read at once where it came with its headers", async () => {
    for (const parts of [["a", "bc"], []]) {
      const request = Object.assign(new IncomingMessage(new Socket()), {
        httpVersionMajor: 1,
        complete: true,
      });
      for (const part of [...parts, null]) request.push(part);
      const ended = once(request, "end");
      assert.equal(Buffer.from(await readBody(request)).toString(), parts.join(""));
      // Whoever waits for its end hears of it all the same.
      await ended;
    }
  });

  it("is refused beyond its bound, whether it says its length or not", async () => {
    await assert.rejects(readBody(incoming({ "content-length": `${most + 1}` })), { code: 413 });
    const request = incoming();
    const body = readBody(request);
    request.write(Buffer.alloc(most));
    request.write("x");
    await assert.rejects(body, { code: 413 });
    assert.equal(request.destroyed, false, "the connection is left for the answer");
  });

  it("is no body when the client goes away in the middle, or before", async () => {
    const request = incoming();
    const body = readBody(request);
    request.write("a");
    request.destroy(new Error("reset"));
    await assert.rejects(body, { code: 400 });
    await assert.rejects(readBody(request), { code: 400 });
  });

  const unread: readonly (readonly [body: string, summary: string])[] = [
    [
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {}",
      "61706956657273696f6e3a2076310a6b696e643a20436f6e6669674d6170 ...",
    ],
    ["{no", "{no"],
  ];
  for (const [body, summary] of unread) {
    it(`that is no JSON is shown by its beginning: ${summary}`, async () => {
      const message = new RegExp(
        `must be of type Namespace\\): couldn't get version/kind; .* \\(${summary}\\)$`,
      );
      const decoded = decodeBody(Buffer.from(body), "application/json", { kind: "Namespace" });
      await assert.rejects(decoded, { code: 400, message });
    });
  }
});
