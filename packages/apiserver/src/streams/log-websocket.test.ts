import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import { WebSocket } from "ws";
import { serveLogMessages } from "./log-websocket.ts";

describe("a log over a WebSocket", () => {
  for (const protocol of ["", "binary.k8s.io", "base64.binary.k8s.io"])
    it(`comes as messages, in ${protocol || "bytes where nothing is said"}`, async () => {
      const server = createServer().on("upgrade", (request, socket, head) => {
        const lines = async (): Promise<Readable> => Readable.from(["one\n", "two\n"]);
        void serveLogMessages(request, { socket, head }, lines);
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const client = new WebSocket(`ws://127.0.0.1:${port}/`, protocol === "" ? [] : [protocol]);
      const got: string[] = [];
      client.on("message", (data: Buffer) =>
        got.push(protocol.startsWith("base64") ? atob(`${data}`) : `${data}`),
      );
      const [code] = (await once(client, "close")) as [number];
      assert.deepEqual([code, client.protocol, got.join("")], [1000, protocol, "one\ntwo\n"]);
      server.close();
    });
});
