/**
 * The way of apps to the controller's API: a connection that an app makes to the API's address ends here, and goes
 * on as a stream of the link. TLS is between the app and the API, so nothing of it is read. While there is no link
 * nobody listens, and an app is refused at once.
 */
import type { Duplex } from "node:stream";
import { type Clock, describeError, type Log, type Random, seconds } from "@selvedge/base";
import { LinkClosedError, type LinkStream } from "@selvedge/eve-api";
import { lookAgain, type Outcome, type Reconciler, Runner, settled } from "@selvedge/reconcile";
import type { AppId } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import { apiPort, apiRoutes } from "../network/api-route.ts";
import type { ApiLink } from "../ports.ts";

/** One connection of an app. */
export interface AppConnection {
  /** The app's address. */
  readonly address: string;
  /** Half-closes as its ends do. */
  readonly socket: Duplex;
  /** Ends it so that the app's next read fails. */
  refuse(): void;
}

/** Listens on these addresses and on no other; what is there already stays. */
export interface ApiListener extends AsyncDisposable {
  listen(
    addresses: readonly string[],
    port: number,
    serve: (connection: AppConnection) => void,
  ): Promise<void>;
}

export interface ApiDoorOptions {
  readonly store: EngineStore;
  readonly listener: ApiListener;
  readonly link: ApiLink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Clients of the API keep one connection, tools one for each command; each holds a window of memory both ways. */
const connectionsOfAppMax = 16;
/** Of all apps together: less than the link has streams, so that people can still get through. */
const connectionsMax = 64;
/** An address that cannot be listened on, as while its bridge is made anew. */
const retryEvery = seconds(2);
const key = "api";
const [towardsApp, fromApp] = [0, 1];

export class ApiDoor implements Reconciler<typeof key>, AsyncDisposable {
  readonly name = "api door";
  readonly reads: readonly string[] = ["desired", "networks", "nics"];
  readonly writes: readonly string[] = [];
  readonly #options: ApiDoorOptions;
  readonly #runner: Runner<typeof key>;
  readonly #open = new Map<AppId, number>();
  readonly #stops: (() => void)[] = [];

  constructor(options: ApiDoorOptions) {
    const log = options.log.child("api door");
    this.#options = { ...options, log };
    this.#runner = new Runner<typeof key>({ ...options, log, reconciler: this });
  }

  get reconciler(): this {
    return this;
  }

  async start(): Promise<void> {
    const { store, link } = this.#options;
    const wake = (): void => this.#runner.wake(key);
    this.#stops.push(store.desired.subscribe(wake), store.networks.subscribe(wake), link.onChange(wake));
    wake();
  }

  async reconcile(): Promise<Outcome> {
    const { store, listener, link, log } = this.#options;
    const desired = store.desired.get();
    const isAsked = desired?.apps.some(({ pod }) => pod.apiAccess) ?? false;
    const leads = isAsked && link.isOpen && apiRoutes(desired?.services ?? []).length > 0;
    const up = (desired?.networks ?? []).filter(
      ({ id, kind, gateway }) =>
        leads && kind === "local" && !gateway.includes(":") && store.networks.get(id)?.phase === "ready",
    );
    try {
      const gateways = up.map(({ gateway }) => gateway);
      await listener.listen(gateways, apiPort, (connection) => void this.#serve(connection));
      return settled;
    } catch (error) {
      log.warn("apps cannot reach the controller's API", { error: describeError(error) });
      return lookAgain("an address cannot be listened on", retryEvery);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stops) stop();
    await this.#runner[Symbol.asyncDispose]();
    await this.#options.listener[Symbol.asyncDispose]();
  }

  async #serve(connection: AppConnection): Promise<void> {
    const { link, log } = this.#options;
    const app = this.#appAt(connection.address);
    const total = [...this.#open.values()].reduce((sum, count) => sum + count, 0);
    const own = app === undefined ? 0 : (this.#open.get(app) ?? 0);
    if (app === undefined || own >= connectionsOfAppMax || total >= connectionsMax) {
      connection.refuse();
      return;
    }
    this.#open.set(app, own + 1);
    try {
      await join(connection.socket, await link.open(app));
    } catch (error) {
      log.debug("a connection to the API ended", { app, error: describeError(error) });
      connection.refuse();
    } finally {
      const left = (this.#open.get(app) ?? 1) - 1;
      if (left === 0) this.#open.delete(app);
      else this.#open.set(app, left);
    }
  }

  /** The app that has this address, where it may speak to the API. */
  #appAt(address: string): AppId | undefined {
    const { store } = this.#options;
    for (const [, plug] of store.nics.entries()) {
      if (plug.phase !== "ready" || plug.address.replace(/\/.*/, "") !== address) continue;
      const app = store.desired.get()?.apps.find(({ id }) => id === plug.appId);
      if (app?.pod.apiAccess === true) return app.id;
    }
    return undefined;
  }
}

/** Both directions, each at the pace of its reader, until both have ended or either breaks. */
async function join(socket: Duplex, stream: LinkStream): Promise<void> {
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined);
  socket.on("error", broken.reject);
  stream.onEnd((channel) => {
    if (channel === towardsApp) socket.end();
  });
  stream.onData(async (channel, bytes) => {
    if (channel === towardsApp) await write(socket, bytes);
  });
  const closed = stream.closed.then((error) => {
    if (error !== undefined) throw error;
  });
  const said = async (): Promise<void> => {
    // The end of what it says is not the end of what it hears.
    const chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
    for await (const bytes of chunks) await stream.write(fromApp, bytes);
    stream.end(fromApp);
    await closed;
  };
  try {
    await Promise.race([said(), closed, broken.promise]);
    socket.end();
  } finally {
    stream.reset();
  }
}

async function write(socket: Duplex, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    if (!socket.writable) return reject(new LinkClosedError("the app has closed its connection"));
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
