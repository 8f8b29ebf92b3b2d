import type { Socket } from "node:net";
import type { Store } from "@selvedge/apiserver";
import { type Clock, hours, type Log, millis, type Random, sleep, type Timer } from "@selvedge/base";
import { type Address, formatAddress } from "../address.ts";
import type { Api } from "../api.ts";
import type { Leading, LeadingOptions } from "../leading.ts";
import { Pki, type PkiOptions } from "../pki/pki.ts";
import type { PkiFiles } from "../pki/pki-files.ts";
import { ReplicaPkiFiles } from "../pki/replica-pki-files.ts";
import { StoreRecords } from "../records/store-records.ts";
import { ensureStandardObjects } from "../standard-objects.ts";
import { deviceDoor } from "./device-door.ts";
import { Election } from "./election.ts";
import { Forwarding } from "./forwarding.ts";
import { LeaderConnections } from "./leader-connections.ts";
import { peerPort } from "./peer-port.ts";

export interface ReplicaOptions {
  /** Unlike every other replica's, and than that of this one's last life. */
  readonly identity: string;
  readonly store: Store;
  readonly api: Api;
  /** Where other replicas reach this one; port 0 takes any. */
  readonly peer: Address;
  readonly names: Pick<PkiOptions, "kubeNames" | "deviceNames">;
  /** Of this replica's own server certificates. */
  readonly ownFiles: PkiFiles;
  readonly lead: (parts: Pick<LeadingOptions, "pki" | "records">) => Promise<Leading>;
  /** Serves a client of the API that another replica passes on. */
  readonly serveApi: (socket: Socket) => void;
  /** Called with keys that take the place of those before. */
  readonly onPki: (pki: Pki) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** How often a replica looks whether the first leader has made the keys. */
const keysEvery = millis(200);
/** How often a replica that follows looks whether its own certificates have aged. */
const renewEvery = hours(24);

/**
 * One of several controllers on one database. All answer for the objects; the one that holds the lease acts, and
 * serves nodes. Everything that is not an object is read from the database when a replica begins to lead, as after
 * a restart, so nothing has to be kept in step while it follows.
 */
export class Replica implements AsyncDisposable {
  readonly forwarding: Forwarding;
  readonly #options: ReplicaOptions;
  readonly #stack = new AsyncDisposableStack();
  readonly #leader = new LeaderConnections(() => this.#election?.leader);
  #election: Election | undefined;
  #leading: Leading | undefined;
  #pki: Pki | undefined;
  #timer: Timer | undefined;

  static async start(options: ReplicaOptions): Promise<Replica> {
    const replica = new Replica(options);
    try {
      await replica.#start();
      return replica;
    } catch (error) {
      await replica[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(options: ReplicaOptions) {
    this.#options = options;
    this.forwarding = new Forwarding({ leader: this.#leader, tls: () => this.pki.peerClient });
    this.#stack.defer(() => this.#leader.cut());
  }

  /** What runs here while this replica leads. */
  get leading(): Leading | undefined {
    return this.#leading;
  }

  get pki(): Pki {
    if (this.#pki === undefined) throw new Error("the keys are not there yet");
    return this.#pki;
  }

  /** Opens the device port. */
  async listen(address: Address): Promise<number> {
    const door = this.#stack.use(
      deviceDoor({
        serve: () => this.#serveDevice,
        leader: this.#leader,
        log: this.#options.log,
      }),
    );
    return await door.listen(address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    await this.#stack.disposeAsync();
  }

  async #start(): Promise<void> {
    const { api, identity, peer, serveApi, clock, log } = this.#options;
    await ensureStandardObjects(api.objects, api.serviceRange);
    const port = this.#stack.use(
      peerPort(() => {
        const serveDevice = this.#serveDevice;
        if (serveDevice === undefined) return undefined;
        return (purpose, socket) => (purpose === "api" ? serveApi(socket) : serveDevice(socket));
      }),
    );
    const address = formatAddress({ host: peer.host, port: await port.listen(peer) });
    this.#election = this.#stack.use(
      new Election({
        ...{ objects: api.objects, me: { identity, address }, clock, log: log.child("election") },
        ...{ lead: () => this.#lead(), onTerm: () => this.#leader.cut() },
      }),
    );
    this.#election.start();
    while (this.#pki === undefined && !(await this.#follow())) await sleep(clock, keysEvery);
    this.#watchAge();
  }

  get #serveDevice(): ((socket: Socket) => void) | undefined {
    const leading = this.#leading;
    return leading && ((socket) => leading.devices.accept(socket));
  }

  async #lead(): Promise<AsyncDisposable> {
    await using stack = new AsyncDisposableStack();
    const records = await StoreRecords.open(this.#options.store);
    const pki = stack.use(await this.#open(records));
    for (const name of sharedSecrets) pki.secret(name);
    pki.accountKeys();
    await records.settled();
    this.#take(pki);
    stack.defer(pki.onRenewed(() => this.#options.onPki(pki)));
    const leading = stack.use(await this.#options.lead({ pki, records }));
    this.#leading = leading;
    stack.defer(() => {
      this.#leading = undefined;
    });
    return stack.move();
  }

  /** Reads the keys that the first leader has made; false while they are not all there. */
  async #follow(): Promise<boolean> {
    const records = await StoreRecords.open(this.#options.store);
    if (!ReplicaPkiFiles.isComplete(records, sharedSecrets)) return false;
    // Only for a look: who leads renews.
    using pki = await this.#open(records);
    await records.settled();
    if (this.#leading === undefined) this.#take(pki);
    return true;
  }

  #open(records: StoreRecords): Promise<Pki> {
    const { names, ownFiles, clock, random, log } = this.#options;
    const files = new ReplicaPkiFiles(records, ownFiles);
    return Pki.open({ files, ...names, clock, random, log: log.child("pki") });
  }

  #take(pki: Pki): void {
    this.#pki = pki;
    this.#options.onPki(pki);
  }

  #watchAge(): void {
    this.#timer = this.#options.clock.setTimer(renewEvery, () => {
      if (this.#leading === undefined) {
        this.#follow().catch((error: unknown) =>
          this.#options.log.error("certificates could not be renewed; trying again tomorrow", { error }),
        );
      }
      this.#watchAge();
    });
  }
}

/** Made by the first leader, so that no two replicas make them at once. */
const sharedSecrets: readonly string[] = ["tickets", "registry", "sealer"];
