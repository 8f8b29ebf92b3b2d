/** ZMetricMsg: counters, sent at an interval and lost when the controller does not listen. */
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Clock,
  describeError,
  hours,
  type Log,
  type Millis,
  millis,
  minutes,
  type Random,
} from "@selvedge/base";
import { ext, metrics, setExtension } from "@selvedge/eve-api";
import type { AppId, AppSpec } from "../../desired.ts";
import type { EngineStore } from "../../engine-store.ts";
import type { AppStatus, AppUsage } from "../../observed.ts";
import type { AppUsages, HostFacts } from "../../ports.ts";
import { Alarm } from "../alarm.ts";
import type { ControllerClient } from "../controller-client.ts";
import type { Settings } from "../settings/settings.ts";
import { cellularMetrics } from "./cellular-info.ts";
import { authenticationMetrics } from "./certificate-info.ts";
import type { DeviceMeters } from "./device-meters.ts";
import {
  type NetworkCounters,
  networkMetrics,
  type PatchUsages,
  plugMetrics,
  portMetrics,
} from "./network-metrics.ts";

export interface MetricsParts {
  readonly client: ControllerClient;
  /** Is told as well, where the configuration names one. */
  readonly standIn: () => ControllerClient | undefined;
  readonly store: EngineStore;
  readonly host: HostFacts;
  readonly usages: AppUsages | undefined;
  /** What a runtime in an app's machine says of its containers. */
  readonly inside: (app: AppSpec, signal: AbortSignal) => Promise<metrics.appContainerMetric[]>;
  readonly meters: DeviceMeters;
  readonly network: NetworkCounters;
  readonly patches: PatchUsages;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly node: () => string;
  readonly linkIsUp: () => boolean;
}

/**
 * With a link, and a configuration that does not say otherwise: often enough for a graph, rare enough for a
 * SIM card.
 */
const linkedInterval = minutes(5);
/** A linked node without a running app has nothing to tell; the link itself says that it lives. */
const idleInterval = hours(3);
const mib = 2 ** 20;

export class MetricsLoop {
  readonly #parts: MetricsParts;
  readonly #alarm = new Alarm();

  /** How long the box was up when this began; from here on measured by the clock that does not jump. */
  readonly #upBefore: number;
  readonly #since: number;
  /** How often it is said now. */
  #pace: Millis = millis(0);

  constructor(parts: MetricsParts) {
    const { clock, host } = parts;
    this.#parts = parts;
    this.#upBefore = Math.max(0, clock.now() - host.bootedAt);
    this.#since = clock.monotonic();
  }

  /** The pace may be another: whoever waits at a slower one waits no longer. */
  poke(): void {
    if (this.#interval() < this.#pace) this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log, store } = this.#parts;
    // The first app that runs is not left without figures for as long as an idle node says nothing.
    const unsubscribe = store.apps.subscribe(() => this.poke());
    signal.addEventListener("abort", unsubscribe, { once: true });
    for (;;) {
      try {
        await this.#send(signal);
      } catch (error) {
        signal.throwIfAborted();
        // Lost, as the API has it; the next one carries the same counters further.
        log.debug("metrics were lost", { error: describeError(error) });
      }
      this.#pace = this.#interval();
      await this.#alarm.wait(clock, millis(this.#pace * (0.3 + 0.7 * random.next())), signal);
    }
  }

  #interval(): Millis {
    const { settings, linkIsUp, store } = this.#parts;
    const interval = settings.seconds("timer.metric.interval");
    if (!linkIsUp() || settings.isSet("timer.metric.interval")) return interval;
    const busy = store.apps.entries().some(([, { state }]) => state === "running");
    return busy ? linkedInterval : idleInterval;
  }

  async #send(signal: AbortSignal): Promise<void> {
    const { client, standIn, node } = this.#parts;
    // What would be lost is not measured either.
    const there = [client, standIn()].flatMap((it) => (it === undefined || it.isSilent ? [] : [it]));
    if (there.length === 0) return;
    const payload = toBinary(metrics.ZMetricMsgSchema, await this.#message(signal));
    const to = { node: node(), answer: "plain" } as const;
    const all = there.map((it) => it.post("metrics", payload, to, signal));
    const failed = (await Promise.allSettled(all)).find((it) => it.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  /** Of all apps that run and have a runtime that is to be asked, at once. */
  async #inside(signal: AbortSignal): Promise<ReadonlyMap<AppId, metrics.appContainerMetric[]>> {
    const { store, inside } = this.#parts;
    const apps = store.desired.get()?.apps.filter((app) => app.statsAddress !== undefined) ?? [];
    const running = apps.filter(({ id }) => store.apps.get(id)?.state === "running");
    return new Map(
      await Promise.all(running.map(async (app) => [app.id, await inside(app, signal)] as const)),
    );
  }

  #patches(id: AppId): metrics.AppPatchEnvelopeMetric[] {
    return this.#parts.patches.usage(id).map(({ patch, asked, downloaded }) =>
      create(metrics.AppPatchEnvelopeMetricSchema, {
        ...{ uuid: patch.id, version: patch.version },
        ...{ patchApiCallCount: BigInt(asked), downloadCount: BigInt(downloaded) },
      }),
    );
  }

  async #message(signal: AbortSignal): Promise<metrics.ZMetricMsg> {
    const { store, usages, clock, node, host } = this.#parts;
    const apps: metrics.appMetric[] = [];
    const desired = store.desired.get();
    const inside = await this.#inside(signal);
    const counters = await this.#parts.network.counters();
    let allocated = 0;
    for (const [id, status] of store.apps.entries()) {
      const usage = await usages?.usage(id);
      if (usage === undefined) continue;
      allocated += usage.memoryLimitBytes;
      const nics = desired?.apps.find((app) => app.id === id)?.nics ?? [];
      const plugs = plugMetrics(nics, (name) => store.nics.get(`${id}/${name}`), counters);
      const containers = { container: inside.get(id) ?? [] };
      const more = { patchEnvelope: this.#patches(id), disk: diskMetrics(status, store), ...containers };
      apps.push({ ...appMetric(status, usage, plugs), ...more });
    }
    const { cpuNanos, memoryUsedBytes } = await host.usage();
    const meters = await this.#parts.meters.read();
    const upSeconds = Math.floor((this.#upBefore + clock.monotonic() - this.#since) / 1000);
    return create(metrics.ZMetricMsgSchema, {
      devID: node(),
      atTimeStamp: timestampFromMs(clock.now()),
      MetricContent: {
        case: "dm",
        value: create(metrics.deviceMetricSchema, {
          // The time here is a length: that is how the API has it.
          network: portMetrics(desired ?? {}, counters),
          cellular: cellularMetrics(store.ports.get()),
          pnacMetrics: authenticationMetrics(desired?.ports ?? [], store.ports.get()?.cards ?? {}),
          acl: {
            totalRuleCount: BigInt(
              desired?.apps.flatMap((it) => it.nics.flatMap((nic) => nic.rules)).length ?? 0,
            ),
          },
          cpuMetric: { upTime: timestampFromMs(upSeconds * 1000), totalNs: cpuNanos },
          ...meters.device,
          deviceMemory: {
            ...meters.device.deviceMemory,
            allocatedAppsMB: Math.floor(allocated / mib),
            usedEveMB: Math.floor(memoryUsedBytes / mib),
          },
          dormantTimeInSeconds: BigInt(Math.floor((3 * this.#interval()) / 1000)),
        }),
      },
      am: apps,
      pr: meters.processes,
      vm: meters.volumes,
      nm: networkMetrics(
        desired ?? { networks: [] },
        new Map(store.networks.entries()),
        store.nics.entries().map(([, nic]) => nic),
        counters,
        store.ways.entries().map(([, way]) => way),
      ),
    });
  }
}

/** The volumes that its machine has, in EVE's unit. */
function diskMetrics({ open = [] }: AppStatus, { volumes }: EngineStore): metrics.appDiskMetric[] {
  return open.flatMap((key) => {
    const status = volumes.get(key);
    if (status?.phase !== "ready") return [];
    const { path, maxBytes, usedBytes, sealed } = status;
    const inMib = (bytes: number): bigint => BigInt(Math.round(bytes / mib));
    const size = { provisioned: inMib(maxBytes), used: inMib(usedBytes) };
    return [create(metrics.appDiskMetricSchema, { disk: path, ...size, diskType: sealed ? "qcow2" : "raw" })];
  });
}

function appMetric(
  status: AppStatus,
  usage: AppUsage,
  network: ReturnType<typeof plugMetrics>,
): metrics.appMetric {
  const value = create(metrics.appMetricSchema, {
    AppID: status.id,
    AppName: status.displayName,
    appVersion: status.report.observedVersion,
    cpu: {
      totalNs: usage.cpuNanos,
      ...(status.report.startedAt > 0n ? { upTime: timestampFromMs(Number(status.report.startedAt)) } : {}),
    },
    appMemory: {
      allocatedMB: Math.floor(usage.memoryLimitBytes / mib),
      usedMB: Math.floor(usage.memoryBytes / mib),
    },
    network,
  });
  const use = create(ext.AppUsageSchema, {
    containers: usage.containers.map(({ name, cpuNanos, memoryBytes }) => ({
      name,
      cpuNanos,
      memoryBytes: BigInt(memoryBytes),
    })),
  });
  setExtension(value, ext.AppUsageSchema, use);
  return value;
}
