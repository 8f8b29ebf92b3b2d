/** The device port itself: TLS sessions, renewal, bounds. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { Log, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import { DeviceListener } from "../src/listeners/device-listener.ts";
import { Pki } from "../src/pki/pki.ts";
import { MemoryPkiFiles } from "../src/pki/pki-files.ts";
import type { DeviceRequest } from "../src/ports.ts";
import { BlobStore } from "../src/registry/blob-store.ts";
import { Registry } from "../src/registry/registry.ts";
import { selfSigned } from "./node-world.ts";
import { DeviceDoor } from "./scripted-device.ts";

const folder = mkdtempSync(join(tmpdir(), "selvedge-devices-"));
const clock = new SystemClock();
const random = new SystemRandom();
const log = new Log("test", clock, silentSink);
const ticketSecret = random.bytes(32);
const asked: DeviceRequest[] = [];
let fail = false;
/** Whether nodes are to come for which certificates are asked, and whose came. */
let isAwaited = false;
const shownBy: (Uint8Array | undefined)[] = [];

async function authority(name: string): Promise<Pki> {
  const options = { files: new MemoryPkiFiles(), kubeNames: [name], deviceNames: [name], clock, random, log };
  return await Pki.open(options);
}

describe("the device port", () => {
  let pki: Pki;
  let other: Pki;
  let shown: Pki;
  let listener: DeviceListener;
  let port = 0;

  const made = (): DeviceListener =>
    new DeviceListener({
      ...{ clock, random, log, ticketSecret, tls: () => shown.deviceServer },
      gateway: {
        handle: async (request) => {
          asked.push(request);
          if (fail) throw new Error("a fault of ours");
          return { status: 200, headers: {}, body: Buffer.from(String(request.body.length)) };
        },
        acceptLink: (_node, socket) => socket.close(),
      },
      screens: {
        door: {
          get isAwaited() {
            return isAwaited;
          },
          judge: ({ certificate }) => {
            shownBy.push(certificate);
            return { status: 404, reason: "path", message: "there is none" };
          },
        },
        tunnels: { attach: () => assert.fail("nobody is let in") },
      },
      registry: new Registry({
        ...{ store: new BlobStore(folder, clock), clock, random, log },
        authenticate: async () => undefined,
      }),
    });

  const start = async (at: number): Promise<void> => {
    listener = made();
    port = await listener.listen({ host: "127.0.0.1", port: at });
  };

  before(async () => {
    pki = await authority("one.test");
    other = await authority("two.test");
    shown = pki;
    await start(0);
  });

  after(async () => {
    await listener[Symbol.asyncDispose]();
    pki[Symbol.dispose]();
    other[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  const dial = async (session?: Buffer): Promise<TLSSocket> => {
    const resumed = session === undefined ? {} : { session };
    const socket = connect({ port, host: "127.0.0.1", ca: pki.rootCertificate, ...resumed });
    await once(socket, "secureConnect");
    return socket;
  };

  it("resumes sessions, also those from before a restart", async () => {
    const first = await dial();
    assert.equal(first.isSessionReused(), false);
    // A ticket comes after the handshake, to who reads.
    const [ticket] = (await once(first.resume(), "session")) as [Buffer];
    first.destroy();
    await listener[Symbol.asyncDispose]();
    await start(port);
    const second = await dial(ticket);
    assert.equal(second.isSessionReused(), true);
    second.destroy();
  });

  it("gives bodies whole up to the endpoint's bound, and one byte more of those beyond", async () => {
    const door = new DeviceDoor(port, pki.rootCertificate);
    const path = "/api/v2/edgedevice/register";
    const rows: readonly (readonly [string, number, number])[] = [
      [path, 0, 0],
      [path, 65_536, 65_536],
      [path, 65_537, 65_537],
      [path, 5_000_000, 65_537],
      ["/somewhere/else", 1000, 1],
    ];
    for (const [target, sent, expected] of rows) {
      const { body } = await door.send("POST", target, Buffer.alloc(sent));
      assert.equal(Buffer.from(body).toString(), String(expected));
    }
    assert.equal(asked.at(-1)?.remote, "127.0.0.1");
    await assert.rejects(door.send("POST", path, Buffer.alloc(20_000_000)));
    fail = true;
    const failed = await door.send("POST", path, Buffer.alloc(1));
    assert.equal(failed.status, 500);
    assert.match(failed.headers["x-request-id"] ?? "", /^[0-9a-f-]{36}$/);
    fail = false;
    door.agent.destroy();
  });

  it("asks for certificates while a node is awaited that is known by one, and believes them as they are", async () => {
    const { certificate, certificatePem: cert, keyPem: key } = await selfSigned("box");
    const base = "/api/v2/edgedevice/id/6ba7b810-9dad-41d1-80b4-00c04fd430c8/connection";
    const ping = async (options: ConnectionOptions): Promise<Buffer> => {
      const socket = connect({ port, host: "127.0.0.1", ca: pki.rootCertificate, ...options });
      const ticket = once(socket, "session");
      const head = `GET ${base}/ping HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`;
      socket.write(head);
      const [answer] = (await once(socket, "data")) as [Buffer];
      assert.match(
        answer.toString(),
        /^HTTP\/1\.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n/,
      );
      assert.equal(socket.isSessionReused(), options.session !== undefined);
      return options.session ?? ((await ticket) as [Buffer])[0];
    };
    const before = await ping({ cert, key });
    isAwaited = true;
    const session = await ping({ cert, key });
    // A client shows none then: what it showed is in the ticket.
    await ping({ session });
    await ping({});
    await ping({ session: before });
    isAwaited = false;
    const raw = certificate.raw.toString("hex");
    const came = shownBy.splice(0).map((one) => one && Buffer.from(one).toString("hex"));
    assert.deepEqual(came, [undefined, raw, raw, undefined, undefined]);
  });

  it("watches over connections that came in elsewhere as over its own, to their end", async () => {
    await using stack = new AsyncDisposableStack();
    const given = stack.use(made());
    const door = createServer((socket) => given.accept(socket)).listen(0, "127.0.0.1");
    stack.defer(() => void door.close());
    await once(door, "listening");
    const socket = connect({ port: (door.address() as AddressInfo).port, ca: pki.rootCertificate });
    socket.write("GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(socket, "data");
    const ended = once(socket, "close");
    await given[Symbol.asyncDispose]();
    await ended;
  });

  it("serves the registry beside the node API", async () => {
    const door = new DeviceDoor(port, pki.rootCertificate);
    const before = asked.length;
    assert.equal((await door.send("GET", "/v2/", Buffer.alloc(0))).status, 401);
    assert.equal(asked.length, before);
    door.agent.destroy();
  });

  it("shows a renewed certificate to whoever connects next, and leaves who is connected", async () => {
    const socket = await dial();
    shown = other;
    listener.renew();
    const next = connect({ port, host: "127.0.0.1", ca: other.rootCertificate });
    await once(next, "secureConnect");
    assert.equal(next.getPeerCertificate().subject.CN, "two.test");
    next.destroy();
    socket.write("GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n");
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 401/);
    socket.destroy();
  });
});
