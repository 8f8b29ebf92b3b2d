/** What a device sends unasked, and how often: heartbeats, metrics, logs, flows, the health of its parts. */
import { type Clock, hours, minutes, type Random, seconds } from "@selvedge/base";
import type { config } from "@selvedge/eve-api";
import type { PillarApps } from "./pillar-apps.ts";
import type { Sent } from "./pillar-connection.ts";
import type { PillarDisk } from "./pillar-disk.ts";
import { logBundle, logLine, uploadWait } from "./pillar-logs.ts";
import * as say from "./pillar-messages.ts";
import type { PillarQueue } from "./pillar-queue.ts";
import type { Strictness } from "./strictness.ts";

export interface ReportsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly strict: Strictness;
  readonly disk: PillarDisk;
  readonly facts: () => say.DeviceFacts;
  readonly queue: PillarQueue;
  readonly apps: PillarApps;
  readonly post: (action: string, payload: Uint8Array) => Promise<Sent>;
  /** A setting, in seconds. */
  readonly item: (key: string, fallback: number) => number;
}

interface Task {
  /** How long until the next time, in milliseconds. */
  readonly every: () => number;
  readonly step: () => Promise<void>;
}

/** Files on disk; older ones go first, as on a device whose disk is full. */
const filesMax = 400;
/** Refused so often, a file goes to a folder that nobody reads. */
const refusalsMax = 10;
const slowedFor = hours(2);
const linesPerFile = 20;

export class PillarReports {
  readonly #options: ReportsOptions;
  #slowedUntil = Number.NEGATIVE_INFINITY;
  #messages = 0;
  /** Files of lines the controller has thanked for. */
  uploaded = 0;

  constructor(options: ReportsOptions) {
    this.#options = options;
  }

  tasks(): readonly Task[] {
    const { random, item, queue, clock, disk } = this.#options;
    const between = (low: number, high: number, span: number): number =>
      span * (low + (high - low) * random.next());
    return [
      { every: () => minutes(1), step: () => queue.sweep() },
      {
        every: () => between(0.8, 1.2, item("timer.deviceinfo.interval", 600) * 1000),
        step: async () => this.#device(),
      },
      {
        every: () => between(0.3, 1, item("timer.metric.interval", 60) * 1000),
        step: () => this.#metrics(),
      },
      { every: () => minutes(5), step: async () => this.#closeFiles() },
      {
        every: () => uploadWait(disk.logs.length, clock.monotonic() < this.#slowedUntil, random.next()),
        step: () => this.#upload(),
      },
      { every: () => between(0.9, 1, seconds(120)), step: () => this.#flows() },
      { every: () => item("timer.hardwarehealth.interval", 43_200) * 1000, step: () => this.#health() },
      { every: () => hours(1), step: async () => this.#others() },
    ];
  }

  /** After a boot everything is said anew. */
  first(): void {
    this.#device();
    this.#others();
  }

  configured(now: config.EdgeDevConfig, before: config.EdgeDevConfig | undefined): void {
    const { queue, facts, apps } = this.#options;
    for (const instance of now.networkInstances) {
      queue.put(`network/${instance.uuidandversion?.uuid}`, say.networkInfo(facts(), instance));
    }
    this.#device();
    if (before !== undefined && before.controllerEpoch !== now.controllerEpoch) {
      this.#others();
      apps.repeat();
    }
  }

  #device(): void {
    this.#options.queue.put("device", say.deviceInfo(this.#options.facts()));
  }

  #others(): void {
    const { queue, facts } = this.#options;
    for (const [key, payload] of say.otherInfos(facts())) queue.put(key, payload);
  }

  /** Not repeated: the next one says as much. */
  async #metrics(): Promise<void> {
    const { post, facts, strict } = this.#options;
    const sent = await post("metrics", say.metricsMessage(facts()));
    strict.require(
      sent.type !== "not-found" || !facts().known,
      "metrics: the device is known, and told it is not",
    );
  }

  async #flows(): Promise<void> {
    const { post, facts, apps } = this.#options;
    for (const { uuidandversion } of apps.running()) {
      await post("flowlog", say.flowMessage(facts(), uuidandversion?.uuid ?? ""));
    }
  }

  async #health(): Promise<void> {
    const { post, facts, strict } = this.#options;
    const sent = await post("hardwarehealth", say.healthMessage(facts()));
    if (sent.type === "ok")
      strict.require([200, 201].includes(sent.status), `hardwarehealth: ${sent.status}`);
  }

  #closeFiles(): void {
    const { disk, clock, facts, apps } = this.#options;
    const now = clock.now();
    const lines = (source: string): object[] =>
      Array.from({ length: linesPerFile }, () =>
        logLine(source, `line ${this.#messages}`, this.#messages++, now),
      );
    const { id, version } = facts();
    const comment = { devID: id, image: "IMGA", eveVersion: version };
    disk.logs.push({ app: undefined, gzip: logBundle({ comment }, lines("zedagent"), now), refused: 0 });
    for (const { uuidandversion, displayname } of apps.running()) {
      const uuid = uuidandversion?.uuid ?? "";
      const gzip = logBundle({ name: displayname }, lines(`guest_vm-${uuid}`), now);
      disk.logs.push({ app: uuid, gzip, refused: 0 });
    }
    disk.logs.splice(0, Math.max(0, disk.logs.length - filesMax));
  }

  /** One file of the device and one of an app a tick. */
  async #upload(): Promise<void> {
    const { disk, post, strict, clock, facts } = this.#options;
    const first = disk.logs.find(({ app }) => app === undefined);
    const ofApp = disk.logs.find(({ app }) => app !== undefined);
    for (const file of [first, ofApp]) {
      if (file === undefined) continue;
      const { app, gzip } = file;
      const action = app === undefined ? "newlogs" : `apps/instanceid/${app}/newlogs`;
      const sent = await post(action, gzip);
      if (sent.type === "ok") {
        strict.require([200, 201].includes(sent.status), `${action}: ${sent.status}`);
        disk.logs.splice(disk.logs.indexOf(file), 1);
        this.uploaded++;
        continue;
      }
      const status = "status" in sent ? sent.status : 0;
      if (status === 429) this.#slowedUntil = clock.monotonic() + slowedFor;
      if (status >= 400 && status < 500) file.refused++;
      if (file.refused <= refusalsMax) continue;
      strict.require(!facts().known, `${action}: ${status} so often that the file is given up`);
      disk.logs.splice(disk.logs.indexOf(file), 1);
    }
  }
}
