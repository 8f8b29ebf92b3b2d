/** PodStreams over processes and ports of this machine, for tests: what a node would do, without a node. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { type Duplex, PassThrough, Readable } from "node:stream";
import {
  type AttachOptions,
  type ExecOptions,
  type LogOptions,
  type PodRef,
  type PodStreams,
  type ProcessSession,
  StatusError,
} from "../src/index.ts";

export class LocalStreams implements PodStreams {
  /** What was asked for, for tests to look at. */
  readonly asked: { readonly what: string; readonly options: unknown }[] = [];
  readonly sizes: string[] = [];
  /** Where the newest follower's lines come from. */
  following: PassThrough = new PassThrough();

  async exec(_pod: PodRef, options: ExecOptions, signal: AbortSignal): Promise<ProcessSession> {
    this.asked.push({ what: "exec", options });
    const [command = "", ...args] = options.command;
    if (command === "refuse") throw new StatusError(503, "ServiceUnavailable", "the node is asleep");
    return this.#run(command, args, options, signal);
  }

  async attach(_pod: PodRef, options: AttachOptions, signal: AbortSignal): Promise<ProcessSession> {
    this.asked.push({ what: "attach", options });
    return this.#run("cat", [], options, signal);
  }

  async portForward(_pod: PodRef, port: number, signal: AbortSignal): Promise<Duplex> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    signal.addEventListener("abort", () => socket.destroy(), { once: true });
    await once(socket, "connect");
    return socket;
  }

  async logs(_pod: PodRef, options: LogOptions): Promise<Readable> {
    this.asked.push({ what: "logs", options });
    if (!options.follow) return Readable.from(["one\n", "two\n"]);
    // What the test wrote before the follower came is its first line.
    const { following } = this;
    following.once("close", () => {
      this.following = new PassThrough();
    });
    return following;
  }

  #run(
    command: string,
    args: readonly string[],
    options: AttachOptions,
    signal: AbortSignal,
  ): ProcessSession {
    const child = options.tty
      ? spawn("script", ["-qec", [command, ...args].join(" "), "/dev/null"], { signal, killSignal: "SIGHUP" })
      : spawn(command, args, { signal, killSignal: "SIGHUP" });
    child.on("error", () => undefined);
    child.stdin.on("error", () => undefined);
    // Node throws away what a process left unread when it ends.
    const [stdout, stderr] = [child.stdout.pipe(new PassThrough()), child.stderr.pipe(new PassThrough())];
    const exit = once(child, "close").then(([code]) => (code as number | null) ?? 137);
    return {
      stdin: options.stdin ? child.stdin : undefined,
      ...{ stdout, stderr },
      resize: (width, height) => this.sizes.push(`${width}x${height}`),
      exit,
      close: () => child.kill("SIGHUP"),
    };
  }
}
