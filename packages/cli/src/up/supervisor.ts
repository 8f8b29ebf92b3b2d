/**
 * Keeps the programs of a local system running: starts each, starts it again when it ends, stops all in
 * reverse.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { type Clock, type Millis, millis, seconds, type Timer } from "@selvedge/base";

export interface ProgramSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
}

/** How long a program may take to end when asked before it is killed. */
const stopGrace: Millis = seconds(15);
const restartFirst = 500;
const restartMax = 30_000;

interface Running {
  readonly spec: ProgramSpec;
  child: ChildProcess | undefined;
  failures: number;
  timer: Timer | undefined;
}

export class Supervisor implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #report: (line: string) => void;
  readonly #mark: Readonly<Record<string, string>>;
  readonly #programs: Running[] = [];
  #stopping = false;

  constructor(
    clock: Clock,
    report: (line: string) => void,
    /** Added to the environment of every program. */
    mark: Readonly<Record<string, string>> = {},
  ) {
    this.#clock = clock;
    this.#report = report;
    this.#mark = mark;
  }

  start(spec: ProgramSpec): void {
    const running: Running = { spec, child: undefined, failures: 0, timer: undefined };
    this.#programs.push(running);
    this.#launch(running);
  }

  /** Pids of the programs that run now, by name. */
  pids(): Record<string, number> {
    return Object.fromEntries(
      this.#programs.flatMap(({ spec, child }) => (child?.pid ? [[spec.name, child.pid]] : [])),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    for (const running of this.#programs.toReversed()) {
      running.timer?.cancel();
      await this.#end(running);
    }
  }

  #launch(running: Running): void {
    const { spec } = running;
    const log = openSync(spec.logFile, "a", 0o600);
    const startedAt = this.#clock.monotonic();
    // A session of its own, so that Ctrl-C reaches the supervisor alone and it ends the others in order.
    const child = spawn(spec.command, spec.args, {
      stdio: ["ignore", log, log],
      detached: true,
      env: { ...process.env, ...this.#mark },
    });
    closeSync(log);
    running.child = child;
    let ended = false;
    const onEnd = (how: string): void => {
      if (ended) return;
      ended = true;
      running.child = undefined;
      if (this.#stopping) return;
      const lived = this.#clock.monotonic() - startedAt;
      running.failures = lived > restartMax ? 1 : running.failures + 1;
      const wait = Math.min(restartMax, restartFirst * 2 ** (running.failures - 1));
      this.#report(
        `${spec.name} ended (${how}); starting it again in ${wait / 1000} s; its log is ${spec.logFile}`,
      );
      running.timer = this.#clock.setTimer(millis(wait), () => this.#launch(running));
    };
    child.on("error", (error) => onEnd(error.message));
    child.on("exit", (code, signal) => onEnd(signal ?? `exit code ${code}`));
  }

  async #end({ child }: Running): Promise<void> {
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    const timer = this.#clock.setTimer(stopGrace, () => child.kill("SIGKILL"));
    await gone;
    timer.cancel();
  }
}
