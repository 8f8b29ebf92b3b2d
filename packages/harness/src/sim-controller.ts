/** The controller of a world: what it stored lasts, and one life of the process after another works on it. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteStore } from "@selvedge/apiserver";
import { describeError, Log, millis, type Random, SeededRandom } from "@selvedge/base";
import type { Objects } from "@selvedge/client";
import {
  type Controller,
  createApi,
  createController,
  Pki,
  type PkiFiles,
  SqliteRecords,
} from "@selvedge/controller";
import { lendStore } from "./lent-store.ts";
import { Life } from "./life.ts";
import type { SimNetwork, SimServer } from "./network/sim-network.ts";
import { RecentLog } from "./recent-log.ts";
import type { SimClock } from "./sim-clock.ts";

export const controllerHost = "controller.test:6444";

export interface SimControllerOptions {
  readonly clock: SimClock;
  readonly random: Random;
  readonly network: SimNetwork;
  readonly onError: (error: unknown) => void;
}

/** A few returns of the largest fleet: a controller that comes back lists, and nobody else follows from far behind. */
const changesKept = 10_000;
/** Its own, so that the chance of a world does not depend on how much of it keys take. */
const pkiSeed = 1;
/** In memory where there is such a folder: logs are synced, and a simulation is not about this disk. */
const scratchParent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

export class SimController implements AsyncDisposable {
  readonly log: RecentLog = new RecentLog();
  readonly #options: SimControllerOptions;
  readonly #random: Random;
  readonly #store = new SqliteStore(":memory:", "", changesKept);
  readonly #records = new SqliteRecords(":memory:");
  #pkiFiles: PkiFiles | undefined;
  /** Uploaded logs and the registry's blobs. */
  readonly #folder = mkdtempSync(join(scratchParent, "selvedge-sim-"));
  #life: Life | undefined;
  #controller: Controller | undefined;
  #root = "";

  constructor(options: SimControllerOptions) {
    this.#options = options;
    this.#random = new SeededRandom(Math.floor(options.random.next() * 2 ** 32));
  }

  /** Throws between two lives. */
  get objects(): Objects {
    if (this.#controller === undefined) throw new Error("the controller does not run");
    return this.#controller.objects;
  }

  get isUp(): boolean {
    return this.#controller !== undefined;
  }

  get rootCertificate(): string {
    return this.#root;
  }

  async start(): Promise<void> {
    const life = new Life(this.#options.clock);
    this.#life = life;
    const { clock } = life;
    const log = new Log("controller", clock, (record) => {
      if (life.isAlive) this.log.add(record);
    });
    const [host = "", port = ""] = controllerHost.split(":");
    const random = this.#random;
    const names = { kubeNames: [host], deviceNames: [host] };
    this.#pkiFiles ??= await keysOfAll({ ...names, clock });
    const pkiRandom = new SeededRandom(pkiSeed);
    const pki = await Pki.open({ files: this.#pkiFiles, ...names, clock, random: pkiRandom, log });
    this.#root = pki.rootCertificate;
    const controller = await createController({
      api: createApi({ store: lendStore(life, this.#store), clock, random, log }),
      records: life.lend(this.#records),
      ...{ pki, clock, random, log },
      blobs: join(this.#folder, "registry"),
      logs: join(this.#folder, "logs"),
      deviceAddress: { host, port: Number(port) },
      accountIssuer: "https://kubernetes.default.svc",
    });
    await controller.start();
    if (!life.isAlive) return;
    this.#controller = controller;
    this.#options.network.serve(controllerHost, serverOf(controller));
  }

  /** kill -9: connections break, requests in the middle are not answered, what was stored is stored. */
  kill(): void {
    this.#options.network.stopServing(controllerHost);
    this.#life?.end();
    this.#life = undefined;
    this.#controller = undefined;
  }

  /** Killed, and back after a while. */
  restartAfter(span: number): void {
    this.kill();
    this.#options.clock.setTimer(millis(span), () => {
      this.start().catch((error: unknown) => {
        this.log.add(`the controller ended: ${describeError(error)}`);
        this.#options.onError(error);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.#store.close();
    await this.#records[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The device port, without TLS: the envelopes are what is under test. */
function serverOf({ gateway }: Controller): SimServer {
  return {
    handle: ({ method, target, headers, body, remote }) =>
      gateway.handle({ method, target, headers, body, remote }),
    accept: (target, socket) => {
      const node = /\/id\/([0-9a-f-]{36})\/ext\/link$/.exec(target)?.[1];
      if (node === undefined) socket.close();
      else gateway.acceptLink(node, socket);
    },
  };
}

/** What every world of this process begins with. */
const shared = new Map<string, string>();

/**
 * The controller's keys, made once for all worlds: they are random in any case, and cost more than the rest
 * of a start. What a world renews is its own.
 */
async function keysOfAll(
  options: Pick<Parameters<typeof Pki.open>[0], "kubeNames" | "deviceNames" | "clock">,
): Promise<PkiFiles> {
  if (shared.size === 0) {
    const random = new SeededRandom(pkiSeed);
    const log = new Log("pki", options.clock, () => undefined);
    await Pki.open({ ...options, files: filesOf(shared), random, log });
  }
  return filesOf(new Map(shared));
}

function filesOf(files: Map<string, string>): PkiFiles {
  return { read: (name) => files.get(name), write: (name, content) => void files.set(name, content) };
}
