import assert from "node:assert/strict";
import { type Duplex, duplexPair } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import { ext, LinkClosedError, LinkMux, type LinkSocket, type LinkStream } from "@selvedge/eve-api";
import { settled } from "@selvedge/reconcile";
import type { AppId, DesiredState } from "../desired.ts";
import { Cell, EngineStore } from "../engine-store.ts";
import { ApiDoor, type AppConnection } from "./api-door.ts";

const clock = new SystemClock();
const address = "10.77.0.10";
const service = {
  ...{ name: "kubernetes.default.svc.cluster.local", address: "10.96.0.1", sticky: false, unready: false },
  ...{ ports: [{ protocol: "tcp", port: 443, targets: [], controller: true }], members: [] },
};

/** Two ends of one connection. */
function sockets(): readonly [LinkSocket, LinkSocket] {
  const takes: ((message: Uint8Array) => void)[] = [];
  const end = (own: number): LinkSocket => ({
    bufferedBytes: 0,
    send: (message) => queueMicrotask(() => takes[1 - own]?.(message)),
    close: () => undefined,
    onMessage: (take) => {
      takes[own] = take;
    },
    onClose: () => undefined,
  });
  return [end(0), end(1)];
}

class World implements AsyncDisposable {
  readonly store = new EngineStore();
  readonly up = new Cell(true);
  listening: readonly string[] = [];
  /** The API's ends of what was opened. */
  readonly opened: LinkStream[] = [];
  refusal: LinkClosedError | undefined;
  readonly door: ApiDoor;
  readonly #links: readonly LinkMux[];
  #serve: (connection: AppConnection) => void = () => assert.fail("nobody listens");

  constructor(apiAccess = true) {
    const world = this;
    const random = new SeededRandom(1);
    const [here, there] = sockets();
    const engine = new LinkMux({ socket: here, clock, end: "engine" });
    const onOpen = (stream: LinkStream): void => void this.opened.push(stream);
    this.#links = [engine, new LinkMux({ socket: there, clock, end: "controller", onOpen })];
    this.door = new ApiDoor({
      ...{ store: this.store, clock, random, log: new Log("test", clock, silentSink) },
      listener: {
        listen: async (addresses, _port, serve) => {
          this.listening = addresses;
          this.#serve = serve;
        },
        [Symbol.asyncDispose]: async () => undefined,
      },
      link: {
        get isOpen() {
          return world.up.get();
        },
        onChange: (listener) => world.up.subscribe(listener),
        async open() {
          if (world.refusal !== undefined) throw world.refusal;
          return await engine.open({ what: { case: "api", value: {} } });
        },
      },
    });
    const app = { id: "app-1" as AppId, pod: create(ext.AppExtensionSchema, { apiAccess }) };
    const network = { id: "n", kind: "local", gateway: "10.77.0.1", subnet: "10.77.0.0/24" };
    const desired = { apps: [app], services: [service], networks: [network] };
    this.store.desired.set(desired as unknown as DesiredState);
    this.store.networks.set("n" as never, { phase: "ready" } as never);
    this.store.nics.set(
      "app-1/eth0" as never,
      { phase: "ready", appId: app.id, address: `${address}/24` } as never,
    );
  }

  /** An app connects; resolves with what it sees when it is refused. */
  connect(from = address): { readonly app: Duplex; readonly refused: Promise<void> } {
    const [app, socket] = duplexPair();
    const refused = Promise.withResolvers<void>();
    this.#serve({ address: from, socket, refuse: () => (socket.destroy(), refused.resolve()) });
    return { app, refused: refused.promise };
  }

  async until(what: () => boolean): Promise<void> {
    while (!what()) await new Promise(setImmediate);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const link of this.#links) link.close();
    await this.door[Symbol.asyncDispose]();
  }
}

describe("the way of apps to the API", () => {
  it("is open while the link is, and nobody listens otherwise", async () => {
    await using world = new World();
    await world.door.start();
    await world.until(() => world.listening.length === 1);
    assert.deepEqual(world.listening, ["10.77.0.1"]);
    world.up.set(false);
    await world.until(() => world.listening.length === 0);
    world.up.set(true);
    await world.until(() => world.listening.length === 1);
  });

  it("is not there where no app may go it", async () => {
    await using world = new World(false);
    assert.deepEqual(await world.door.reconcile(), settled);
    assert.deepEqual(world.listening, []);
  });

  it("carries both directions, and their ends, one after the other", async () => {
    await using world = new World();
    await world.door.reconcile();
    const { app } = world.connect();
    app.end(Buffer.alloc(100_000, "q"));
    await world.until(() => world.opened.length === 1);
    const [api] = world.opened as [LinkStream];
    let asked = 0;
    api.onEnd(() => {
      void api.write(0, Buffer.alloc(300_000, "a")).then(() => (api.end(0), api.reset()));
    });
    api.onData((_channel, bytes) => {
      asked += bytes.length;
    });
    const answer = await text(app);
    assert.deepEqual([asked, answer.length], [100_000, 300_000]);
  });

  it("refuses who may not, who has too many, and all when the controller does", async () => {
    await using world = new World();
    await world.door.reconcile();
    await world.connect("10.77.0.99").refused;
    const open = Array.from({ length: 16 }, () => world.connect());
    await world.until(() => world.opened.length === 16);
    await world.connect().refused;
    assert.equal(world.opened.length, 16);
    world.opened[0]?.reset("the controller stops");
    await open[0]?.refused;
    world.refusal = new LinkClosedError("app app-1 is none of this node's", "Forbidden");
    await world.connect().refused;
  });
});
