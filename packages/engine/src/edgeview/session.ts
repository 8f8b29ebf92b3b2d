import { createHash } from "node:crypto";
import { isIPv4 } from "node:net";
import { type Clock, describeError, type Log, millis, seconds, sleep } from "@selvedge/base";
import type { EdgeviewSpec } from "../desired.ts";
import { type CommandParts, runCommand } from "./commands.ts";
import type { DispatcherSocket, EdgeviewNet, NetTarget } from "./edgeview-net.ts";
import { FileSender, type SentFile } from "./file-sender.ts";
import { unwrap, wrap } from "./message.ts";
import {
  type Addresses,
  type Command,
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
  readonly looks: Omit<CommandParts, "showCertificates">;
  readonly addresses: () => Promise<Addresses>;
  /** Where an address leads: a screen of an app's has a socket of its own. */
  readonly locate: (target: Target) => Promise<NetTarget>;
  /** Who signed a command, of those that may give one; undefined: nobody of them. */
  readonly clientOf: (message: Uint8Array, signature: Uint8Array) => Promise<string | undefined>;
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
/** EVE's client says one and waits for its end. */
const waitingMax = 4;
/** A text of one message; a longer answer comes in several. */
const chunkChars = 8192;

/** One place at the dispatcher, held until the token expires or the configuration takes it away. */
export class Session {
  readonly #parts: SessionParts;
  #socket: DispatcherSocket | undefined;
  #relay: Relay | undefined;
  /** Commands are answered one after another. */
  #busy: Promise<void> = Promise.resolve();
  #waiting = 0;
  #file: FileSender | undefined;
  /** Ends what is being answered once nobody is there to hear it. */
  #heard = new AbortController();

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
      this.#endAnswers("the dispatcher's connection has ended");
      this.#socket = undefined;
    }
  }

  #take(data: Uint8Array, isText: boolean): void {
    const opened = unwrap(data, this.#parts.token.nonce);
    if (opened === undefined) {
      // The dispatcher's own lines: who we are to it, and that the peer has left.
      if (new TextDecoder().decode(data).includes(noPeer)) this.#endAnswers(noPeer);
      return;
    }
    if (!isText) {
      if (!opened.proved) return;
      if (this.#file !== undefined) this.#file.take(opened.message);
      else this.#relay?.take(opened.message);
      return;
    }
    const text = new TextDecoder().decode(opened.message);
    if (text.includes(done) || text.includes(noPeer)) return;
    if (this.#relay !== undefined || text === relayDone) {
      this.#endRelay();
      return;
    }
    if (this.#waiting >= waitingMax) {
      this.#answer(`${waitingMax} commands are waiting already\n`);
      this.#answer(done);
      return;
    }
    this.#waiting++;
    const { signal } = this.#heard;
    const work = (): Promise<void> =>
      this.#command(opened.message, opened.signature, opened.proved, signal).finally(() => this.#waiting--);
    this.#busy = this.#busy.then(work).catch((error: unknown) => {
      if (signal.aborted) return;
      this.#parts.log.warn("an EdgeView command failed", { error: describeError(error) });
      this.#answer(`failed: ${describeError(error)}\n`);
      this.#answer(done);
    });
  }

  async #command(
    message: Uint8Array,
    signature: Uint8Array,
    proved: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { token, clientOf, spec, addresses, log, used, looks } = this.#parts;
    signal.throwIfAborted();
    const signed = token.clients === "anybody" ? undefined : await clientOf(message, signature);
    const trusted = token.clients === "anybody" ? proved : signed !== undefined;
    const command = trusted ? readCommand(message) : undefined;
    if (command === undefined) {
      log.warn("an EdgeView command is not proved", { instance: this.#parts.instance });
      this.#answer("authentication for command failed to verify\n");
      this.#answer(done);
      return;
    }
    const verdict = judge(command, spec, await addresses(), looks.controllerHost);
    // Whoever looks at a node is written down, with what they were refused.
    const audit = {
      ...{ command: commandText(command), from: command.clientEPAddr, user: command.userinfo },
      ...(signed === undefined ? {} : { signed }),
    };
    if (!verdict.allowed) {
      log.warn("an EdgeView command is refused", { ...audit, why: verdict.why });
      this.#answer(`cmd policy check failed: ${verdict.why}`);
      this.#answer(done);
      return;
    }
    log.info("an EdgeView command", audit);
    used(verdict.touched);
    if (await this.#openRelay(command)) return;
    const showCertificates = (address: string): Promise<string> =>
      this.#showCertificates(address, command, signal);
    for await (const answer of runCommand(command, { ...looks, showCertificates }, signal)) {
      if (typeof answer !== "string") await this.#sendFile(answer, signal);
      else
        for (let at = 0; at < answer.length; at += chunkChars)
          this.#answer(answer.slice(at, at + chunkChars));
    }
    this.#answer(done);
  }

  async #sendFile(file: SentFile, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const send = (bytes: Uint8Array): void => this.#socket?.send(this.#wrapped(bytes));
    this.#file = new FileSender({ clock, send, signal });
    try {
      await this.#file.send(file, clock.now());
    } finally {
      this.#file = undefined;
    }
  }

  /** Where it is looked is judged as a connection to there. */
  async #showCertificates(address: string, command: Command, signal: AbortSignal): Promise<string> {
    const [, name = "", port = "443"] = /^(\w[\w.-]{0,252})(?::(\d{1,5}))?$/.exec(address) ?? [];
    if (name === "" || Number(port) < 1 || Number(port) > 65_535)
      return "showcerts needs a name or an address: showcerts/controller.example:443\n";
    const reach = this.#reach({ proxy: true, nameServer: undefined }, command);
    const reached = await reach(name, Number(port));
    if ("why" in reached) return `${reached.why}\n`;
    return await this.#parts.net.serverCertificates(reached.target, name, signal);
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
      else socket.send(this.#wrapped(bytes));
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
      const audit = { command: `connection to ${name}:${port}`, address: host, from, user };
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

  #endAnswers(why: string): void {
    this.#endRelay();
    this.#heard.abort(new Error(why));
    this.#heard = new AbortController();
  }

  /** As bytes: those are data, and text is commands and their answers. */
  #wrapped(bytes: Uint8Array): Uint8Array {
    return new TextEncoder().encode(wrap(bytes, this.#parts.token.nonce));
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
