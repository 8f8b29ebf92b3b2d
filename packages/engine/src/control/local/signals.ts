/** A local server's stream of "this has changed", a JSON object a line. */

import { fromJson } from "@bufbuild/protobuf";
import { type Clock, describeError, type Log, type Millis, millis, minutes, seconds } from "@selvedge/base";
import { signal as signalApi } from "@selvedge/eve-api";
import type { HttpClient } from "../../host/http.ts";

export type LocalEndpoint = "profile" | "radio" | "apps" | "boots" | "device" | "network" | "location";

export interface SignalParts {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly url: string;
  readonly signal: AbortSignal;
  /** False once the configuration names another server. */
  readonly isWanted: () => boolean;
  readonly pending: (name: LocalEndpoint) => void;
}

/** A server that has nothing to say writes an empty line within this. */
const silenceMax = seconds(60);
const lineMax = 64 * 1024;
const namesMax = 32;
/** More lines than that in this time are a server gone wild. */
const burst = { lines: 3, span: seconds(3) } as const;
const reconnect = seconds(30);
const unknown = minutes(60);

const { ConfigEndpoint } = signalApi;
const endpointsOf: ReadonlyMap<signalApi.ConfigEndpoint, LocalEndpoint> = new Map<
  signalApi.ConfigEndpoint,
  LocalEndpoint
>([
  [ConfigEndpoint.LOCAL_PROFILE, "profile"],
  [ConfigEndpoint.RADIO, "radio"],
  [ConfigEndpoint.APP_INFO, "apps"],
  [ConfigEndpoint.APP_BOOT_INFO, "boots"],
  [ConfigEndpoint.DEV_INFO, "device"],
  [ConfigEndpoint.NETWORK, "network"],
]);

/** Listens until the stream ends; resolves with how long to wait before another. */
export async function listenForSignals(parts: SignalParts): Promise<Millis> {
  const { http, log, url, signal } = parts;
  try {
    const response = await http.send({ method: "GET", url, timeoutMs: silenceMax, signal });
    if (response.status === 404) return unknown;
    if (response.status !== 200) throw new Error(`the server answers signal with ${response.status}`);
    await readLines(response.body, parts);
  } catch (error) {
    signal.throwIfAborted();
    log.debug("the local server's signals ended", { error: describeError(error) });
  }
  return reconnect;
}

async function readLines(body: AsyncIterable<Uint8Array>, parts: SignalParts): Promise<void> {
  const decoder = new TextDecoder();
  const times: number[] = [];
  let rest = "";
  for await (const chunk of body) {
    if (!parts.isWanted()) return;
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > lineMax) throw new Error(`a line is longer than ${lineMax} bytes`);
    for (const line of lines) {
      if (line.trim() === "") continue;
      const now = parts.clock.monotonic();
      times.push(now);
      if (times.length > burst.lines && now - (times.shift() ?? 0) < burst.span)
        throw new Error(`more than ${burst.lines} signals in ${millis(burst.span) / 1000} s`);
      for (const name of readSignal(line)) parts.pending(name);
    }
  }
}

/** Which endpoints a line names; none when it is nothing we read. */
export function readSignal(line: string): readonly LocalEndpoint[] {
  try {
    const value = fromJson(signalApi.SignalSchema, JSON.parse(line), { ignoreUnknownFields: true });
    return value.pendingChanges.slice(0, namesMax).flatMap((name) => endpointsOf.get(name) ?? []);
  } catch {
    return [];
  }
}
