/** What a node measures of itself beside its networks: disks, processes, volumes, what it says and opens. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Clock, Instant } from "@selvedge/base";
import type { metrics } from "@selvedge/eve-api";
import type { EngineStore } from "../../engine-store.ts";
import type { BlockDevice, HardwareProbe, ProcessUse } from "../../hardware/hardware.ts";
import type { Disk } from "../../host/disk.ts";
import type { VolumeStatus } from "../../observed.ts";
import type { ConfigAcceptor } from "../config-acceptor.ts";
import type { ControllerClient } from "../controller-client.ts";
import type { LogCounts } from "../logs/log-counts.ts";
import type { Secrets } from "../secrets.ts";
import type { Settings } from "../settings/settings.ts";
import { cipherMetric, flowMetrics, logMetrics, trafficMetric } from "./conversation-meters.ts";
import { reservedMemory } from "./device-report.ts";
import type { FlowCounts } from "./flow-upload.ts";

export interface DeviceMetersParts {
  readonly client: ControllerClient;
  readonly acceptor: ConfigAcceptor;
  readonly secrets: Secrets;
  readonly logCounts: LogCounts;
  readonly flowCounts: FlowCounts;
  readonly hardware: HardwareProbe;
  readonly store: EngineStore;
  readonly disk: Disk;
  readonly settings: Settings;
  readonly clock: Clock;
  /** Of the box, in bytes. */
  readonly memoryBytes: number;
}

type Device = Extract<MessageInitShape<typeof metrics.deviceMetricSchema>, { $typeName?: never }>;

export interface Measured {
  readonly device: Device;
  readonly processes: MessageInitShape<typeof metrics.ZMetricProcessSchema>[];
  readonly volumes: MessageInitShape<typeof metrics.ZMetricVolumeSchema>[];
}

const mib = 2 ** 20;
/** Figures of different moments may not add up: nothing is less than nothing. */
const inMib = (bytes: number): bigint => BigInt(Math.max(0, Math.floor(bytes / mib)));

export class DeviceMeters {
  readonly #parts: DeviceMetersParts;
  #space: { readonly at: number; readonly bytes: number; readonly totalBytes: number } | undefined;

  constructor(parts: DeviceMetersParts) {
    this.#parts = parts;
  }

  async read(): Promise<Measured> {
    const { hardware, store, disk, client, acceptor, secrets, logCounts, flowCounts, settings } = this.#parts;
    const space = await this.#scanned();
    const processes = await hardware.processes();
    const volumes = store.volumes.entries();
    const names = new Map(store.desired.get()?.volumes.map(({ id, displayName }) => [id, displayName]));
    const { receivedAt, processedAt } = acceptor;
    return {
      device: {
        disk: [
          ...(await hardware.disks()).map(diskMetric),
          {
            mountPath: disk.absolute(""),
            ...{ total: inMib(space.totalBytes), free: inMib(space.bytes) },
            used: inMib(space.totalBytes - space.bytes),
          },
        ],
        zedcloud: [trafficMetric(client.traffic)],
        cipher: [cipherMetric(secrets.counts)],
        newlog: logMetrics(logCounts),
        flowlog: flowMetrics(flowCounts),
        runtimeStorageOverheadMB: inMib(space.totalBytes - space.bytes - volumeBytes(volumes)),
        appRunTimeStorageMB: inMib(volumeBytes(volumes)),
        deviceMemory: {
          memoryMB: Math.floor(this.#parts.memoryBytes / mib),
          allocatedEveMB: Math.floor(reservedMemory(settings) / mib),
        },
        ...(receivedAt === undefined ? {} : { lastReceivedConfig: timestampFromMs(receivedAt) }),
        ...(processedAt === undefined ? {} : { lastProcessedConfig: timestampFromMs(processedAt) }),
      },
      processes: processes.map((it) => processMetric(it, this.#parts.memoryBytes, this.#parts.clock.now())),
      volumes: volumes.flatMap(([key, status]) => volumeMetric(key, status, names)),
    };
  }

  /** Looking at a disk is dear on some; how old a look may be is configured. */
  async #scanned(): Promise<{ readonly bytes: number; readonly totalBytes: number }> {
    const { clock, disk, settings } = this.#parts;
    const oldest = clock.monotonic() - settings.seconds("timer.metric.diskscan.interval");
    if (this.#space === undefined || this.#space.at < oldest)
      this.#space = { at: clock.monotonic(), ...(await disk.free()) };
    return this.#space;
  }
}

function diskMetric(it: BlockDevice): MessageInitShape<typeof metrics.diskMetricSchema> {
  return {
    ...{ disk: it.name, readBytes: it.readBytes / BigInt(mib), writeBytes: it.writeBytes / BigInt(mib) },
    ...{ readCount: it.reads, writeCount: it.writes, total: inMib(it.sizeBytes) },
  };
}

function volumeBytes(volumes: readonly (readonly [string, VolumeStatus])[]): number {
  return volumes.reduce((sum, [, status]) => sum + (status.phase === "ready" ? status.usedBytes : 0), 0);
}

function volumeMetric(
  key: string,
  status: VolumeStatus,
  names: ReadonlyMap<string, string>,
): MessageInitShape<typeof metrics.ZMetricVolumeSchema>[] {
  if (status.phase !== "ready") return [];
  const { maxBytes, usedBytes } = status;
  const [uuid = ""] = key.split("#");
  return [
    {
      ...{
        uuid,
        displayName: names.get(uuid) ?? "",
        totalBytes: BigInt(maxBytes),
        usedBytes: BigInt(usedBytes),
      },
      freeBytes: BigInt(Math.max(0, maxBytes - usedBytes)),
    },
  ];
}

function processMetric(
  it: ProcessUse,
  memoryBytes: number,
  now: Instant,
): MessageInitShape<typeof metrics.ZMetricProcessSchema> {
  const aliveSeconds = Math.max(1, (now - it.startedAt) / 1000);
  return {
    ...{ pid: it.pid, name: it.name, userProcess: true, watched: !it.ofApp },
    ...{ numFds: it.files, numThreads: it.threads, userTime: it.userSeconds, systemTime: it.systemSeconds },
    cpuPercent: ((it.userSeconds + it.systemSeconds) / aliveSeconds) * 100,
    createTime: timestampFromMs(it.startedAt),
    ...{ vmBytes: BigInt(it.virtualBytes), rssBytes: BigInt(it.residentBytes) },
    memoryPercent: (it.residentBytes / memoryBytes) * 100,
  };
}
