import { type Clock, describeError, type Log, type Millis, millis, type Timer } from "@selvedge/base";
import { isReason, type Objects } from "@selvedge/client";
import { type Lease, leaseKind } from "@selvedge/kinds";
import { type Address, parseAddress } from "../address.ts";
import {
  actsFor,
  addressAnnotation,
  type Candidate,
  isOver,
  leaseName,
  leaseNamespace,
  lookEvery,
  planLease,
  renewEvery,
  type SeenLease,
} from "./election-plan.ts";

export interface ElectionOptions {
  readonly objects: Objects;
  readonly me: Candidate;
  /** Begins to act; ends with what it returns. Called again and again, never twice at once. */
  readonly lead: () => Promise<AsyncDisposable>;
  /** Called when the lease is in other hands than before, be they this replica's or none. */
  readonly onTerm: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Which replica acts. One lease, written with the revision it was read at: two can not both get it.
 *
 *   look every 0.5 s ── over? take it ──► lead ── renew every second ──► renewed
 *                                           └── 2.5 s without a renewal ──► stop acting, look again
 */
export class Election implements AsyncDisposable {
  readonly #options: ElectionOptions;
  #seen: SeenLease | undefined;
  #until: Millis = millis(0);
  #timer: Timer | undefined;
  #leading: Promise<AsyncDisposable | undefined> | undefined;
  #ending: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #stopped = false;
  #failing = false;
  #running: Promise<void> | undefined;

  constructor(options: ElectionOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Where the replica that leads is reached, when it is another one. */
  get leader(): Address | undefined {
    const { clock, me } = this.#options;
    if (this.#seen === undefined || isOver(this.#seen, clock.monotonic())) return undefined;
    const { metadata, spec } = this.#seen.lease;
    const address = metadata.annotations?.[addressAnnotation];
    if (spec?.holderIdentity === me.identity || address === undefined) return undefined;
    return parseAddress(address, addressAnnotation);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    await this.#running;
    const led = this.#leading !== undefined;
    await this.#rest("it stops");
    if (led) await this.#release();
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#stopped) {
      try {
        await this.#turn();
        this.#failing = false;
      } catch (error) {
        if (!this.#failing) log.warn("the lease cannot be looked at", { error: describeError(error) });
        this.#failing = true;
      }
      if (this.#stopped) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        clock.setTimer(this.#leading === undefined ? lookEvery : renewEvery, resolve);
      });
    }
  }

  async #turn(): Promise<void> {
    const { objects, me, clock } = this.#options;
    const asked = clock.monotonic();
    await this.#look();
    const wanted = planLease(this.#seen, me, { at: clock.now(), mono: clock.monotonic() });
    if (wanted === undefined) return await this.#rest("another replica leads");
    try {
      const written =
        this.#seen === undefined
          ? await objects.create<Lease>(leaseKind, wanted)
          : await objects.update<Lease>(leaseKind, wanted);
      this.#see(written);
    } catch (error) {
      if (!isReason(error, "Conflict") && !isReason(error, "AlreadyExists")) throw error;
      // Another one was faster: the next look shows whom.
      return;
    }
    this.#until = millis(asked + actsFor);
    this.#act();
  }

  async #look(): Promise<void> {
    const { objects } = this.#options;
    try {
      const lease = await objects.get<Lease>(leaseKind, leaseName, leaseNamespace);
      if (lease.metadata.resourceVersion !== this.#seen?.lease.metadata.resourceVersion) {
        this.#see(lease);
      }
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
      this.#seen = undefined;
    }
  }

  #see(lease: Lease): void {
    const { clock, onTerm } = this.#options;
    const holder = this.#seen?.lease.spec?.holderIdentity;
    this.#seen = { lease, since: clock.monotonic() };
    if (lease.spec?.holderIdentity !== holder) onTerm();
  }

  #act(): void {
    const { clock, lead, log } = this.#options;
    const left = millis(this.#until - clock.monotonic());
    this.#timer?.cancel();
    this.#timer = clock.setTimer(
      millis(Math.max(0, left)),
      () => void this.#rest("it could not renew its lease"),
    );
    if (left <= 0 || this.#leading !== undefined || this.#ending !== undefined) return;
    log.info("this replica leads", { transitions: this.#seen?.lease.spec?.leaseTransitions });
    this.#leading = lead().catch((error: unknown) => {
      log.error("this replica cannot lead; another may", { error });
      void this.#rest("it failed to begin").then(() => this.#release());
      return undefined;
    });
  }

  /** Stops acting, if it acts. */
  #rest(why: string): Promise<void> {
    this.#timer?.cancel();
    const leading = this.#leading;
    if (leading === undefined) return this.#ending ?? Promise.resolve();
    this.#leading = undefined;
    this.#options.log.info("this replica leads no more", { why });
    this.#ending = leading
      .then((acting) => acting?.[Symbol.asyncDispose]())
      .catch((error: unknown) => this.#options.log.error("what the leader ran did not end well", { error }))
      .finally(() => {
        this.#ending = undefined;
      });
    return this.#ending;
  }

  /** So that another one need not wait. */
  async #release(): Promise<void> {
    const { objects, log } = this.#options;
    try {
      await this.#look();
      if (this.#seen?.lease.spec?.holderIdentity !== this.#options.me.identity) return;
      const { lease } = this.#seen;
      await objects.update<Lease>(leaseKind, { ...lease, spec: { ...lease.spec, holderIdentity: "" } });
    } catch (error) {
      log.warn("the lease was not given back; others wait for its end", { error: describeError(error) });
    }
  }
}
