/**
 * Carries logs to the controller: one file of the engine's own and one of each app a round, faster when more
 * wait.
 */
import {
  type Clock,
  describeError,
  type Log,
  type Millis,
  millis,
  minutes,
  type Random,
  seconds,
} from "@selvedge/base";
import type { AppId } from "../../desired.ts";
import type { EngineStore } from "../../engine-store.ts";
import type { AppLogOutbox, LogLine } from "../../ports.ts";
import { Alarm } from "../alarm.ts";
import type { ControllerClient } from "../controller-client.ts";
import type { Settings } from "../settings/settings.ts";
import type { DeviceLog } from "./device-log.ts";
import { bundleAim, bundleMax, logBundle, logLine } from "./log-bundle.ts";

export interface LogUploaderParts {
  readonly client: ControllerClient;
  readonly deviceLog: DeviceLog;
  readonly outbox: AppLogOutbox | undefined;
  readonly store: EngineStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly node: () => string;
  readonly settings: Pick<Settings, "isOn">;
}

/** EVE's pace by the number of files that wait. */
const paces: readonly (readonly [waiting: number, pause: Millis])[] = [
  [5, seconds(90)],
  [25, seconds(45)],
  [50, seconds(30)],
  [200, seconds(15)],
  [1000, seconds(8)],
];
const fastest = seconds(3);
/**
 * Apps' lines are read live over the link; what is uploaded is for later, and may wait this little to travel
 * together.
 */
const appsPause = seconds(10);
/** With nothing of apps to send, the engine's own lines are looked for this often at least. */
const idleLongest = minutes(5);
/** A controller that is away is asked rarely, spread wide. */
const awayPause = seconds(180);
const awaySpread = seconds(120);
/** Text of one file: compresses about tenfold. */
const textMax = bundleAim * 8;
/** The same file refused this often is given up, so that the ones behind it get through. */
const refusalsMax = 10;

export class LogUploader {
  readonly #parts: LogUploaderParts;
  readonly #refusals = new Map<string, number>();
  readonly #alarm = new Alarm();
  /** Ends a wait for anything to do. */
  readonly #news = new Alarm();
  /** Files may wait on the disk; not known before the first look. */
  #filesWait = true;

  constructor(parts: LogUploaderParts) {
    this.#parts = parts;
  }

  /** The controller can be reached again. */
  poke(): void {
    this.#alarm.ring();
    this.#news.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log, deviceLog, outbox } = this.#parts;
    const stop = outbox?.onWritten(() => this.#news.ring());
    signal.addEventListener("abort", () => stop?.(), { once: true });
    let pause: Millis = appsPause;
    let deviceDue: number = clock.monotonic() + appsPause;
    for (let failing = false; ; ) {
      const idle = failing ? 0 : this.#idleFor(deviceDue);
      if (idle > 0) await this.#news.wait(clock, millis(idle), signal);
      await this.#alarm.wait(clock, pause, signal);
      try {
        const device = clock.monotonic() >= deviceDue;
        const { waiting, more } = await this.#round(device, signal);
        const fast = this.#parts.settings.isOn("newlog.allow.fastupload");
        const pace = fast ? fastest : paceOf(waiting);
        if (device) deviceDue = clock.monotonic() + pace * (0.8 + 0.4 * random.next());
        pause = more || fast ? fastest : appsPause;
        deviceLog.counts.pauseMs = pace;
        failing = false;
      } catch (error) {
        signal.throwIfAborted();
        if (!failing) log.warn("logs have to wait", { error: describeError(error) });
        failing = true;
        pause = millis(awayPause + awaySpread * random.next());
      }
    }
  }

  /** How long nothing can be to do; what apps write ends it, and then waits its usual while for company. */
  #idleFor(deviceDue: number): number {
    const { clock, deviceLog, outbox, settings } = this.#parts;
    if (settings.isOn("newlog.allow.fastupload") || (outbox?.pending() ?? []).length > 0) return 0;
    const fileDue = this.#filesWait ? deviceDue - clock.monotonic() : idleLongest;
    return Math.min(deviceLog.closesIn ?? idleLongest, fileDue, idleLongest) - appsPause;
  }

  async #round(device: boolean, signal: AbortSignal): Promise<{ waiting: number; more: boolean }> {
    const { client, outbox, deviceLog, node } = this.#parts;
    let more = false;
    const silent = client.isSilent;
    for (const id of silent ? [] : (outbox?.pending() ?? [])) more = (await this.#app(id, signal)) || more;
    if (await deviceLog.rotate(node(), false)) this.#filesWait = true;
    if (silent) throw new Error("the controller does not answer");
    if (!device) return { waiting: 0, more };
    const file = await deviceLog.oldest();
    this.#filesWait = file !== undefined;
    if (file === undefined) return { waiting: 0, more };
    if (await this.#post(`device/${file.name}`, "newlogs", {}, file.bytes, signal))
      await deviceLog.sent(file.name);
    return { waiting: file.waiting - 1, more };
  }

  /** One file of one app; true when more wait. */
  async #app(id: AppId, signal: AbortSignal): Promise<boolean> {
    const { outbox, store, clock } = this.#parts;
    if (outbox === undefined) return false;
    let lines = await outbox.next(id, textMax);
    if (lines.length === 0) return false;
    const about = { kind: "app", name: store.apps.get(id)?.displayName ?? id } as const;
    const write = (some: readonly LogLine[]): Uint8Array =>
      logBundle(
        about,
        some.map((line) => appLine(id, line)),
        clock.now(),
      );
    let bundle = write(lines);
    while (bundle.length > bundleMax && lines.length > 1) {
      lines = lines.slice(0, Math.ceil(lines.length / 2));
      bundle = write(lines);
    }
    const last = lines.at(-1);
    if (last === undefined) return false;
    const name = `app/${id}/${last.sequence}`;
    if (!(await this.#post(name, "appNewlogs", { app: id }, bundle, signal))) return false;
    await outbox.sent(id, last.sequence);
    return outbox.pending().includes(id);
  }

  /** Whether the file need not be sent again. */
  async #post(
    file: string,
    endpoint: "newlogs" | "appNewlogs",
    ids: { app?: string },
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { client, node, log, clock, deviceLog } = this.#parts;
    const { counts } = deviceLog;
    const of = endpoint === "newlogs" ? counts.device : counts.apps;
    const startedAt = clock.monotonic();
    let status: number | undefined;
    try {
      ({ status } = await client.post(endpoint, bytes, { node: node(), ...ids, answer: "plain" }, signal));
    } finally {
      if (status !== 200 && status !== 201 && !signal.aborted) counts.failed(of, status, clock.now());
    }
    if (status === 200 || status === 201) {
      counts.uploaded(of, bytes.length, clock.monotonic() - startedAt, clock.now());
      this.#refusals.delete(file);
      return true;
    }
    const refusals = (this.#refusals.get(file) ?? 0) + 1;
    if (status >= 400 && status < 500 && status !== 429 && refusals > refusalsMax) {
      this.#refusals.delete(file);
      log.error("the controller never takes this part of the log; it is given up", { file, status });
      return true;
    }
    this.#refusals.clear();
    this.#refusals.set(file, refusals);
    throw new Error(`the controller answers ${endpoint} with ${status}`);
  }
}

function paceOf(waiting: number): Millis {
  return paces.find(([limit]) => waiting < limit)?.[1] ?? fastest;
}

/**
 * Which container, stream and restart a line is of travels in fields that EVE leaves to the writer (decision
 * 0050).
 */
function appLine(app: AppId, line: LogLine): string {
  const { at, container, channel, text, sequence, restart, partial } = line;
  return logLine({
    severity: channel === "stderr" ? "err" : "info",
    source: app,
    iid: container,
    content: text,
    msgid: sequence,
    tags: { stream: channel, restart: String(restart), ...(partial ? { partial: "true" } : {}) },
    at,
    function: "",
  });
}
