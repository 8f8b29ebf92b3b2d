/** Asks for the configuration: at EVE's pace on its own, at once when the link says that it changed. */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  type BackoffPolicy,
  backoffDelay,
  type Clock,
  describeError,
  hours,
  type Log,
  type Millis,
  millis,
  minutes,
  type Random,
  seconds,
} from "@selvedge/base";
import { config } from "@selvedge/eve-api";
import { Alarm } from "./alarm.ts";
import type { Attestation } from "./attestation.ts";
import type { ConfigAcceptor } from "./config-acceptor.ts";
import type { ControllerClient } from "./controller-client.ts";
import type { Enroller } from "./enroller.ts";
import type { OperatorConsole } from "./operator-console.ts";
import type { Settings } from "./settings/settings.ts";

export interface ConfigLoopParts {
  readonly client: ControllerClient;
  readonly acceptor: ConfigAcceptor;
  readonly attestation: Attestation;
  readonly enroller: Enroller;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly node: () => string;
  readonly renamed: (node: string) => void;
  readonly linkIsUp: () => boolean;
  /** Stands in for a controller that cannot be reached. */
  readonly standIn: Pick<OperatorConsole, "poll">;
  /** Something about the configuration is new, accepted or refused. */
  readonly onNews: () => void;
  /** The controller answers after a time when it did not: whatever waits to reach it need not wait longer. */
  readonly onReached: () => void;
}

/** While the link says what changes, polls are only there for what a link may lose. */
const linkedInterval = hours(3);
/** The first poll waits this long for the token that it would be refused without. */
const tokenWait = seconds(5);
/** EVE's least span between two questions for our UUID. */
const askUuidAfter = minutes(10);
/**
 * The poll is what finds out that the network is back, for everybody: so it never waits longer than EVE's
 * does.
 */
const failureBackoff: BackoffPolicy = { first: seconds(2), max: seconds(60) };

export class ConfigLoop {
  readonly #parts: ConfigLoopParts;
  readonly #alarm = new Alarm();
  #failures = 0;
  #askedUuidAt = Number.NEGATIVE_INFINITY;
  #reached = false;
  #polling = false;
  #poked = false;
  /** When the next poll is due by itself. */
  #due = 0;
  /** So many answers, and never a configuration. */
  #pollsForNothing = 0;

  constructor(parts: ConfigLoopParts) {
    this.#parts = parts;
  }

  /** Poll now, or once more when one is under way. */
  poke(): void {
    this.#poked = true;
    this.#alarm.ring();
  }

  /** The controller has a configuration with this hash. */
  changed(hash: string): void {
    // A poll under way may bring one that is older than what the link says, whatever this node has now.
    if (this.#polling || hash !== this.#parts.acceptor.heardHash) this.poke();
  }

  /** The link is gone, and with it whoever would tell of a change: polls are at EVE's pace from now on. */
  linkEnded(): void {
    this.#due = Math.min(this.#due, this.#parts.clock.monotonic() + this.#pause());
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, attestation } = this.#parts;
    // Pokes of the link do not end this wait: they would be answered with 403.
    const until = clock.monotonic() + tokenWait;
    while (attestation.token.length === 0 && clock.monotonic() < until)
      await this.#alarm.wait(clock, millis(until - clock.monotonic()), signal);
    for (;;) {
      let pause: Millis;
      this.#poked = false;
      this.#polling = true;
      try {
        const served = await this.#poll(signal);
        this.#failures = 0;
        pause = this.#pause();
        if (!served) await this.#askStandIn(signal);
      } catch (error) {
        signal.throwIfAborted();
        pause = this.#failed(error);
        await this.#askStandIn(signal);
      } finally {
        this.#polling = false;
      }
      this.#due = clock.monotonic() + pause;
      while (!this.#poked && clock.monotonic() < this.#due)
        await this.#alarm.wait(clock, millis(this.#due - clock.monotonic()), signal);
    }
  }

  #pause(): Millis {
    const { acceptor, settings, random, linkIsUp } = this.#parts;
    const interval = settings.seconds("timer.config.interval");
    const span = linkIsUp() ? Math.max(interval, linkedInterval) : interval;
    // EVE's spread: a fleet that started together does not ask together.
    const pause = millis(span * (0.3 + 0.7 * random.next()));
    if (acceptor.accepted !== undefined) return pause;
    // Whoever sets up a new node waits for it.
    return millis(Math.min(pause, backoffDelay(failureBackoff, ++this.#pollsForNothing, random)));
  }

  #failed(error: unknown): Millis {
    const { log, random } = this.#parts;
    this.#failures++;
    if (this.#failures === 1) log.warn("cannot get the configuration", { error: describeError(error) });
    this.#reached = false;
    const wait = backoffDelay(failureBackoff, this.#failures, random);
    return millis(error instanceof BusyError ? Math.max(wait, error.retryAfter) : wait);
  }

  /** As EVE: whenever the controller has not given a configuration, whatever it said instead. */
  async #askStandIn(signal: AbortSignal): Promise<void> {
    if (await this.#parts.standIn.poll(signal)) this.#parts.onNews();
  }

  /** False when the controller answered, and not with a configuration that is good. */
  async #poll(signal: AbortSignal): Promise<boolean> {
    const { client, acceptor, attestation, node } = this.#parts;
    const payload = toBinary(
      config.ConfigRequestSchema,
      create(config.ConfigRequestSchema, {
        configHash: acceptor.heardHash,
        integrityToken: attestation.token,
      }),
    );
    const answer = await client.post("config", payload, { node: node() }, signal);
    switch (answer.status) {
      case 200:
      case 304:
        this.#heard();
        return answer.status === 304 || (await this.#take(answer.envelope, answer.payload, signal));
      case 403:
        this.#heard();
        attestation.restart();
        return false;
      case 400:
      case 401:
      case 404:
        await this.#askUuid(answer.status, signal);
        return false;
      case 429:
      case 503:
        throw new BusyError(`the controller answers config with ${answer.status}`, answer.retryAfter);
      default:
        throw new Error(`the controller answers config with ${answer.status}`);
    }
  }

  #heard(): void {
    const { log, onReached } = this.#parts;
    if (this.#reached) return;
    this.#reached = true;
    log.info("the controller answers");
    onReached();
  }

  async #take(envelope: Uint8Array, payload: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const { acceptor, client, node, onNews } = this.#parts;
    const certsBefore = acceptor.accepted?.certsHash;
    const outcome = await acceptor.take(envelope, payload, node());
    if (outcome === "unchanged") return true;
    onNews();
    const certsNow = acceptor.accepted?.certsHash;
    if (certsBefore !== undefined && certsNow !== certsBefore) await client.fetchCerts(signal);
    return outcome === "accepted";
  }

  /** The controller does not know us (any more): perhaps under another name. */
  async #askUuid(status: number, signal: AbortSignal): Promise<void> {
    const { enroller, clock, log, node, renamed } = this.#parts;
    if (clock.monotonic() - this.#askedUuidAt < askUuidAfter) return;
    this.#askedUuidAt = clock.monotonic();
    log.warn("the controller has no configuration for this node; apps go on", { status });
    const now = await enroller.askAgain(signal);
    if (now !== undefined && now !== node()) {
      log.warn("the controller has given this node another UUID", { before: node(), now });
      renamed(now);
      this.poke();
    }
  }
}

class BusyError extends Error {
  override name = "BusyError";
  readonly retryAfter: Millis;

  constructor(message: string, retryAfter: Millis) {
    super(message);
    this.retryAfter = retryAfter;
  }
}
