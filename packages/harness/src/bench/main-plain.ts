/**
 * What any API server costs at least: HTTPS, JSON and the store, and nothing in between. Says in its first line where
 * it listens and by which root it is known; ends with its input.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { SystemClock } from "@selvedge/base";
import { makeOnboarding } from "../wire/wire-node.ts";
import { openStore } from "./stores.ts";

const [path = "", url] = process.argv.slice(2);
const store = await openStore(path, url);
const { certificatePem, key } = await makeOnboarding("localhost", new SystemClock().now());

async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const object = JSON.parse(await text(incoming)) as { metadata: { namespace: string; name: string } };
  const value = JSON.stringify(object);
  await store.write(`/configmaps/${object.metadata.namespace}/${object.metadata.name}`, 0, value);
  outgoing.writeHead(201, { "content-type": "application/json", "content-length": Buffer.byteLength(value) });
  outgoing.end(value);
}

const pem = key.export({ type: "pkcs8", format: "pem" });
const server = createServer({ key: pem, cert: certificatePem }, (incoming, outgoing) => {
  answer(incoming, outgoing).catch((error: Error) => outgoing.writeHead(500).end(error.message));
});
server.listen(0, "localhost", () => {
  const { port } = server.address() as AddressInfo;
  const access = { server: `https://localhost:${port}`, ca: certificatePem, cert: certificatePem, key: pem };
  process.stdout.write(`${JSON.stringify(access)}\n`);
});
process.stdin.resume().on("end", () => process.exit(0));
