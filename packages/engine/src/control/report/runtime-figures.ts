/**
 * What containers use that a runtime inside a virtual machine runs, of which the node knows nothing: it is asked
 * at the address that the app's configuration names, by Docker's API without TLS or as EVE's agent of nested apps.
 * What it answers is the app's word: bounded, taken for figures and names, believed no further.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Clock, describeError, type Log, type Millis, millis } from "@selvedge/base";
import { metrics } from "@selvedge/eve-api";
import type { AppId, AppSpec } from "../../desired.ts";
import { type HttpClient, readBody } from "../../host/http.ts";

export interface RuntimeParts {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly log: Log;
}

const docker = ":2375/v1.40/containers/";
const agent = ":57475/api/v1/";
/** More than a box of this size runs; what goes beyond is left out. */
const containersMax = 64;
/** A runtime measures for a second or two before it answers, so several are asked at once. */
const atOnce = 8;
/** Docker's own answers have some kilobytes each. */
const answerMax = 2 ** 20;
const requestMs = 10_000;
/** Whoever answers slowly does not hold the other figures up for longer. */
const allMs = 30_000;
const [mib, nanos] = [2 ** 20, 1_000_000_000n];

/** What each runtime said last: it is asked as often as the configuration has it, and told with every message. */
export class RuntimeMeters {
  readonly #parts: RuntimeParts;
  readonly #pace: () => Millis;
  readonly #said = new Map<AppId, { readonly at: Millis; readonly figures: metrics.appContainerMetric[] }>();

  constructor(parts: RuntimeParts, pace: () => Millis) {
    this.#parts = parts;
    this.#pace = pace;
  }

  async read(app: Asked, stop: AbortSignal): Promise<metrics.appContainerMetric[]> {
    const at = this.#parts.clock.monotonic();
    // Of apps that are gone nobody asks any more.
    for (const [id, said] of this.#said) if (at - said.at >= this.#pace()) this.#said.delete(id);
    const known = this.#said.get(app.id);
    if (known !== undefined) return known.figures;
    const figures = await runtimeFigures(this.#parts, app, stop);
    // Who does not answer may do so by the next message.
    if (figures.length > 0) this.#said.set(app.id, { at, figures });
    return figures;
  }
}

type Asked = Pick<AppSpec, "id" | "statsAddress" | "statsByAgent">;

/** None where nobody is to be asked; where nobody answers, none and a word in the log. */
export async function runtimeFigures(
  { http, clock, log }: RuntimeParts,
  { id, statsAddress, statsByAgent }: Asked,
  stop: AbortSignal,
): Promise<metrics.appContainerMetric[]> {
  if (statsAddress === undefined) return [];
  const host = statsAddress.includes(":") ? `[${statsAddress}]` : statsAddress;
  const late = new AbortController();
  const timer = clock.setTimer(millis(allMs), () => late.abort(new Error("the runtime answers too slowly")));
  const signal = AbortSignal.any([stop, late.signal]);
  const ask = async (path: string): Promise<unknown> => {
    const url = `http://${host}${statsByAgent === true ? agent : docker}${path}`;
    const response = await http.send({ method: "GET", url, timeoutMs: requestMs, signal });
    const body = await readBody(response, answerMax);
    if (response.status !== 200) throw new Error(`${url} answers with status ${response.status}`);
    return JSON.parse(new TextDecoder().decode(body));
  };
  try {
    const list =
      statsByAgent === true ? object(await ask("inventory/nested-app-id"))["apps"] : await ask("json");
    const all = (Array.isArray(list) ? list : []).slice(0, containersMax).map(object);
    const figures = statsByAgent === true ? nestedFigures : dockerFigures;
    const found: metrics.appContainerMetric[] = [];
    for (let at = 0; at < all.length; at += atOnce)
      found.push(...(await Promise.all(all.slice(at, at + atOnce).map((one) => figures(one, ask)))).flat());
    return found;
  } catch (error) {
    stop.throwIfAborted();
    log.warn("collectStatsIPAddr: the app's containers are not measured", {
      ...{ app: id, error: describeError(error) },
    });
    return [];
  } finally {
    timer.cancel();
  }
}

type Ask = (path: string) => Promise<unknown>;

async function dockerFigures(listed: Fields, ask: Ask): Promise<metrics.appContainerMetric[]> {
  const id = text(listed["Id"]);
  if (!/^[0-9a-f]{12,64}$/.test(id)) return [];
  const answers = await ofOne([ask(`${id}/json`), ask(`${id}/stats?stream=false`)]);
  return answers.length < 2 ? [] : [containerMetric(listed, object(answers[0]), object(answers[1]))];
}

async function nestedFigures(listed: Fields, ask: Ask): Promise<metrics.appContainerMetric[]> {
  // As protobuf's JSON has it, by either name.
  const id = text(listed["appId"] ?? listed["app_id"]).toLowerCase();
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return [];
  const answers = await ofOne([ask(`metrics/nested-app-id/${id}`)]);
  return answers.map((answer) => nestedMetric(object(answer)));
}

/** None of one that ends while it is asked for. */
async function ofOne(answers: readonly Promise<unknown>[]): Promise<unknown[]> {
  try {
    return await Promise.all(answers);
  } catch (error) {
    if (/ status 4\d\d$/.test(describeError(error))) return [];
    throw error;
  }
}

/** The agent has EVE's units already, but for its processor time, which is in nanoseconds. */
function nestedMetric(it: Fields): metrics.appContainerMetric {
  const totalNs = count(it["CPUTotal"]);
  const startedAt = Number(count(it["uptime"])) / 1_000_000;
  return create(metrics.appContainerMetricSchema, {
    ...{ appContainerName: text(it["id"]), status: text(it["status"]), PIDs: small(count(it["Pids"])) },
    cpu: {
      ...(startedAt > 0 ? { upTime: timestampFromMs(startedAt) } : {}),
      ...{ total: totalNs / nanos, systemTotal: count(it["SystemCPUTotal"]) / nanos, totalNs },
    },
    ...memoryOf(count(it["UsedMem"]), count(it["AllocatedMem"])),
    network: { txBytes: count(it["TxBytes"]), rxBytes: count(it["RxBytes"]) },
    disk: { readBytes: count(it["ReadBytes"]), writeBytes: count(it["WriteBytes"]) },
  });
}

/** Older controllers read the second. */
function memoryOf(
  used: bigint,
  allocated: bigint,
): Pick<MessageInitShape<typeof metrics.appContainerMetricSchema>, "appContainerMemory" | "memory"> {
  const [usedMB, allocatedMB] = [small(used), small(allocated)];
  return {
    appContainerMemory: { usedMB, allocatedMB },
    memory: { usedMem: usedMB, availMem: allocatedMB },
  };
}

/** In EVE's units: seconds and nanoseconds, mebibytes for memory and disks, bytes for networks. */
function containerMetric(listed: Fields, details: Fields, stats: Fields): metrics.appContainerMetric {
  const [first] = Array.isArray(listed["Names"]) ? listed["Names"] : [];
  const [cpu, memory] = [object(stats["cpu_stats"]), object(stats["memory_stats"])];
  const totalNs = count(object(cpu["cpu_usage"])["total_usage"]);
  const startedAt = Date.parse(text(object(details["State"])["StartedAt"]));
  const networks = Object.values(object(stats["networks"])).map(object);
  const sum = (name: string): bigint => networks.reduce((total, one) => total + count(one[name]), 0n);
  return create(metrics.appContainerMetricSchema, {
    appContainerName: text(first).replace(/^\/+|\/+$/g, ""),
    status: text(listed["Status"]),
    PIDs: small(count(object(stats["pids_stats"])["current"])),
    cpu: {
      ...(startedAt > 0 ? { upTime: timestampFromMs(startedAt) } : {}),
      ...{ total: totalNs / nanos, systemTotal: count(cpu["system_cpu_usage"]) / nanos, totalNs },
    },
    ...memoryOf(inMib(memory["usage"]), inMib(memory["limit"])),
    network: { txBytes: sum("tx_bytes"), rxBytes: sum("rx_bytes") },
    disk: { readBytes: moved(stats, "read"), writeBytes: moved(stats, "write") },
  });
}

function moved(stats: Fields, way: "read" | "write"): bigint {
  const entries = object(stats["blkio_stats"])["io_service_bytes_recursive"];
  const own = (Array.isArray(entries) ? entries : []).map(object);
  const bytes = own.filter(({ op }) => text(op).toLowerCase() === way).map(({ value }) => Number(value));
  return inMib(bytes.reduce((total, one) => total + one, 0));
}

type Fields = Readonly<Record<string, unknown>>;

function object(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

/** As long as any name or status of Docker's is. */
const textMax = 256;

function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, textMax) : "";
}

/** What is no figure is none. */
function count(value: unknown): bigint {
  const number = Math.round(Number(value ?? 0));
  return number > 0 && number < Number.MAX_SAFE_INTEGER * 1024 ? BigInt(number) : 0n;
}

function inMib(bytes: unknown): bigint {
  return count(Number(bytes ?? 0) / mib);
}

function small(value: bigint): number {
  return Number(value < 0xffff_ffffn ? value : 0xffff_ffffn);
}
