import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type Instant, instant, type Millis, millis } from "@selvedge/base";
import { ext, getExtension, type metrics } from "@selvedge/eve-api";

/** What something uses, as its node measured. */
export interface Usage {
  readonly at: Instant;
  /** What it is the average of: since the sample before, else since it started. */
  readonly window: Millis;
  /** A counter since the start. */
  readonly cpuNanos: bigint;
  /** In thousandths of a core; undefined until it can be told. */
  readonly cpuMillis: number | undefined;
  readonly memoryBytes: number;
}

export interface NodeUsage extends Usage {
  /** Not there: it tells of none. */
  readonly modems?: readonly ModemUsage[];
}

export interface ModemUsage {
  readonly port: string;
  /** In dBm and dB, by name; what the modem does not tell is not there. */
  readonly figures: readonly (readonly [name: string, value: number])[];
  readonly rxBytes: number;
  readonly txBytes: number;
}

export interface AppUsage extends Usage {
  readonly containers: readonly ContainerUsage[];
}

export interface ContainerUsage {
  readonly name: string;
  readonly cpuNanos: bigint;
  readonly cpuMillis: number | undefined;
  readonly memoryBytes: number;
}

const mebibyte = 1024 * 1024;
/** EVE gives a length of time as a Timestamp; ours gives the time of the start. This tells them apart. */
const dateFrom = instant(1_000_000_000_000);

/** The figures of one app; `before` is what the same app said last. */
export function appUsageOf(metric: metrics.appMetric, at: Instant, before: AppUsage | undefined): AppUsage {
  const extension = getExtension(metric, ext.AppUsageSchema);
  const cpuNanos = metric.cpu?.totalNs || (metric.cpu?.total ?? 0n) * 1_000_000_000n;
  const basis = basisOf(metric.cpu, cpuNanos, at, before);
  return {
    ...{ at, window: basis.window, cpuNanos },
    cpuMillis: rateOf(cpuNanos, basis.nanos, basis.window),
    memoryBytes: Number(metric.appMemory?.usedMB ?? metric.memory?.usedMem ?? 0) * mebibyte,
    containers: (extension?.containers ?? []).map((container) => {
      const { name, cpuNanos: nanos, memoryBytes } = container;
      const known = before?.containers.find((one) => one.name === name)?.cpuNanos;
      // A counter that went back is a container that started again since.
      const from = basis.isDelta && known !== undefined && known <= nanos ? known : 0n;
      return {
        ...{ name, cpuNanos: nanos, memoryBytes: Number(memoryBytes) },
        cpuMillis: rateOf(nanos, from, basis.window),
      };
    }),
  };
}

/** The figures of the whole node. `isWhole`: its memory figure holds the apps' too, as ours does. */
export function nodeUsageOf(
  metric: metrics.deviceMetric,
  apps: readonly Usage[],
  isWhole: boolean,
  at: Instant,
  before: Usage | undefined,
): NodeUsage {
  const { cpuMetric: cpu, deviceMemory } = metric;
  const cpuNanos = cpu?.totalNs || (cpu?.total ?? 0n) * 1_000_000_000n;
  const basis = basisOf(cpu, cpuNanos, at, before);
  const own = Number(deviceMemory?.usedEveMB ?? metric.memory?.usedMem ?? 0) * mebibyte;
  const others = isWhole ? 0 : apps.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  return {
    ...{ at, window: basis.window, cpuNanos, memoryBytes: own + others },
    cpuMillis: rateOf(cpuNanos, basis.nanos, basis.window),
    ...(metric.cellular.length > 0 && { modems: metric.cellular.slice(0, modemsMax).map(modemUsageOf) }),
  };
}

/** More than a box has. */
const modemsMax = 8;
const labelMax = 63;
/** What a node says of a figure that its modem does not tell. */
const unknownFigure = 0x7fffffff;

function modemUsageOf({ logicallabel, signalStrength, packetStats }: metrics.CellularMetric): ModemUsage {
  const names = ["rssi", "rsrp", "rsrq", "snr"] as const;
  return {
    port: logicallabel.slice(0, labelMax),
    figures: names.flatMap((name): [string, number][] => {
      const value = signalStrength?.[name] ?? unknownFigure;
      return value === unknownFigure ? [] : [[name, value]];
    }),
    rxBytes: Number(packetStats?.rx?.totalBytes ?? 0),
    txBytes: Number(packetStats?.tx?.totalBytes ?? 0),
  };
}

interface Basis {
  readonly nanos: bigint;
  readonly window: Millis;
  /** Against the sample before; else since the start. */
  readonly isDelta: boolean;
}

function basisOf(
  cpu: metrics.appCpuMetric | undefined,
  cpuNanos: bigint,
  at: Instant,
  before: Usage | undefined,
): Basis {
  // A counter that went back is something that started again.
  if (before !== undefined && at > before.at && cpuNanos >= before.cpuNanos) {
    return { nanos: before.cpuNanos, window: millis(at - before.at), isDelta: true };
  }
  const said = cpu?.upTime === undefined ? 0 : timestampDate(cpu.upTime).getTime();
  return { nanos: 0n, window: millis(Math.max(0, said > dateFrom ? at - said : said)), isDelta: false };
}

function rateOf(now: bigint, from: bigint, window: Millis): number | undefined {
  return window > 0 ? Math.round(Number(now - from) / 1000 / window) : undefined;
}
