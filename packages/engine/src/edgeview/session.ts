import { createHash } from "node:crypto";
import { isIPv4 } from "node:net";
import { type Clock, describeError, type Log, millis, seconds, sleep } from "@selvedge/base";
import type { EdgeviewSpec } from "../desired.ts";
import { runCommand, type Views } from "./commands.ts";
import type { DispatcherSocket, EdgeviewNet, NetTarget } from "./edgeview-net.ts";
import { unwrap, wrap } from "./message.ts";
import {
  type Addresses,
  type Command,
  captureOf,
  commandText,
  judge,
  judgeTargets,
  type ProxyTarget,
  readCommand,
  type Target,
  type Touched,
  targetsOf,
} from "./policy.ts";
import { ProxyConnection, type Reach } from "./proxy-connection.ts";
import { type Opener, Relay } from "./relay.ts";
import type { AccessToken } from "./token.ts";

export interface SessionParts {
  readonly net: EdgeviewNet;
  readonly clock: Clock;
  readonly log: Log;
  readonly hostname: string;
  readonly spec: EdgeviewSpec;
  readonly token: AccessToken;
  /** From 1; of several sessions each has a name of its own at the dispatcher. */
  readonly instance: number;
  readonly views: Views;
  readonly addresses: () => Promise<Addresses>;
  /** Where an address leads: a screen of an app's has a socket of its own. */
  readonly locate: (target: Target) => Promise<NetTarget>;
  /** Whether whoever signed a command may give it. */
  readonly isClient: (message: Uint8Array, signature: Uint8Array) => Promise<boolean>;
  readonly used: (touched: readonly Touched[]) => void;
}

/** The version of EVE's protocol that this speaks. */
const version = "0.8.8";
const done = "+++Done+++";
const relayReady = "+++tcpSetupOK+++";
const relayDone = "+++tcpDone+++";
const noPeer = "no device online";
/** What the peer may leave unread before data of a relay is dropped with its connections. */
const bufferMax = 8 << 20;
const retryFirstMs = 10_000;
const retryMaxMs = 120_000;
const keepAlive = seconds(30);
/** A text of one message; a longer answer comes in several. */
const chunkChars = 8192;

/** One place at the dispatcher, held until the token expires or the configuration takes it away. */
export class Session {
  readonly #parts: SessionParts;
  #socket: DispatcherSocket | undefined;
  #relay: Relay | undefined;
  /** Commands are answered one after another. */
  #busy: Promise<void> = Promise.resolve();

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** Returns when told to stop. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    for (let wait = retryFirstMs; !signal.aborted; wait = Math.min(retryMaxMs, wait * 2)) {
      try {
        await this.#connected(signal);
        wait = retryFirstMs / 2;
      } catch (error) {
        if (signal.aborted) return;
        log.warn("the EdgeView dispatcher does not take us", { error: describeError(error) });
      }
      await sleep(clock, millis(wait), signal).catch(() => {});
    }
  }

  async #connected(signal: AbortSignal): Promise<void> {
    const { net, token, spec, hostname, clock, log } = this.#parts;
    const headers = {
      "X-Session-Token": sessionName(spec.token, token.instances, this.#parts.instance),
      "X-Hostname": `${hostname}-EV-server`,
      "X-EdgeView-Version": version,
    };
    const socket = await net.dispatcher(token.url, headers, spec.certificates, signal);
    log.info("EdgeView waits for its peer", { dispatcher: token.url, instance: this.#parts.instance });
    const stop = (): void => socket.close();
    signal.addEventListener("abort", stop, { once: true });
    const alive = (): void => {
      socket.ping();
      timer = clock.setTimer(keepAlive, alive);
    };
    let timer = clock.setTimer(keepAlive, alive);
    this.#socket = socket;
    socket.onMessage((data, isText) => this.#take(data, isText));
    try {
      if (signal.aborted) socket.close();
      await socket.closed;
    } finally {
      timer.cancel();
      signal.removeEventListener("abort", stop);
      this.#endRelay();
      this.#socket = undefined;
    }
  }

  #take(data: Uint8Array, isText: boolean): void {
    const opened = unwrap(data, this.#parts.token.nonce);
    if (opened === undefined) {
      // The dispatcher's own lines: who we are to it, and that the peer has left.
      if (new TextDecoder().decode(data).includes(noPeer)) this.#endRelay();
      return;
    }
    if (!isText) {
      if (opened.proved) this.#relay?.take(opened.message);
      return;
    }
    const text = new TextDecoder().decode(opened.message);
    if (text.includes(done) || text.includes(noPeer)) return;
    if (this.#relay !== undefined || text === relayDone) {
      this.#endRelay();
      return;
    }
    const work = (): Promise<void> => this.#command(opened.message, opened.signature, opened.proved);
    this.#busy = this.#busy.then(work).catch((error: unknown) => {
      this.#parts.log.warn("an EdgeView command failed", { error: describeError(error) });
      this.#answer(`failed: ${describeError(error)}\n`);
      this.#answer(done);
    });
  }

  async #command(message: Uint8Array, signature: Uint8Array, proved: boolean): Promise<void> {
    const { net, token, isClient, spec, addresses, log, used, views } = this.#parts;
    const trusted = token.clients === "anybody" ? proved : await isClient(message, signature);
    const command = trusted ? readCommand(message) : undefined;
    if (command === undefined) {
      log.warn("an EdgeView command is not proved", { instance: this.#parts.instance });
      this.#answer("authentication for command failed to verify\n");
      this.#answer(done);
      return;
    }
    const verdict = judge(command, spec, await addresses());
    // Whoever looks at a node is written down, with what they were refused.
    const audit = { command: commandText(command), from: command.clientEPAddr, user: command.userinfo };
    if (!verdict.allowed) {
      log.warn("an EdgeView command is refused", { ...audit, why: verdict.why });
      this.#answer(`cmd policy check failed: ${verdict.why}`);
      this.#answer(done);
      return;
    }
    log.info("an EdgeView command", audit);
    used(verdict.touched);
    if (await this.#openRelay(command)) return;
    const capture = captureOf(command);
    const wanted = capture !== undefined && !("fault" in capture) ? capture : undefined;
    const text = await (wanted === undefined ? runCommand(command, views) : net.capture(wanted));
    for (let at = 0; at < text.length; at += chunkChars) this.#answer(text.slice(at, at + chunkChars));
    this.#answer(done);
  }

  async #openRelay(command: Command): Promise<boolean> {
    const named = targetsOf(command);
    if (named === undefined || "fault" in named) return false;
    const { net } = this.#parts;
    const openers = await Promise.all(
      named.map(async (target): Promise<Opener> => {
        if ("proxy" in target)
          return (listener) => new ProxyConnection(net, this.#reach(target, command), listener);
        const at = await this.#parts.locate(target);
        return (listener) => net.connect(at, listener);
      }),
    );
    const send = (bytes: Uint8Array): void => {
      const socket = this.#socket;
      if (socket === undefined) return;
      if (socket.bufferedBytes > bufferMax) this.#endRelay();
      else socket.send(new TextEncoder().encode(wrap(bytes, this.#parts.token.nonce)));
    };
    this.#relay = new Relay(openers, send);
    this.#answer(` ${relayReady}\n`);
    return true;
  }

  /** A name is looked up first, and judged by what it stands for: that is where the connection goes. */
  #reach({ nameServer }: ProxyTarget, { clientEPAddr: from, userinfo: user }: Command): Reach {
    const { net, spec, addresses, locate, log, used } = this.#parts;
    return async (name, port) => {
      const host = isIPv4(name) || name === "localhost" ? name : await net.lookup(name, nameServer);
      const verdict = judgeTargets([{ host, port }], spec, await addresses());
      const audit = { command: `proxy to ${name}:${port}`, address: host, from, user };
      if (!verdict.allowed) {
        log.warn("an EdgeView command is refused", { ...audit, why: verdict.why });
        return { why: `host ${name} access not allowed by policy: ${verdict.why}` };
      }
      log.info("an EdgeView command", audit);
      used(verdict.touched);
      return { target: await locate({ host, port }) };
    };
  }

  #endRelay(): void {
    this.#relay?.close();
    this.#relay = undefined;
  }

  #answer(text: string): void {
    this.#socket?.send(wrap(new TextEncoder().encode(text), this.#parts.token.nonce));
  }
}

/** How the dispatcher knows that two connections belong together, without seeing the token. */
export function sessionName(token: string, instances: number, instance: number): string {
  const text = instances > 1 ? `${token}.${instance}` : token;
  return createHash("sha256").update(text).digest("base64url");
}
