/**
 * Asks whoever the configuration names beside the node what its people want: which profile is in force, what
 * to do with apps and box. Each endpoint has its own pace; a server that does not know one is asked rarely.
 * Nothing is heeded that does not carry the server's token.
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
import { profile, profileNetwork } from "@selvedge/eve-api";
import type { AppId, NodeWishes } from "../../desired.ts";
import type { EngineStore } from "../../engine-store.ts";
import type { HardwareProbe } from "../../hardware/hardware.ts";
import { type HttpClient, readBody } from "../../host/http.ts";
import type { InfoBundle } from "../../operator/info-bundle.ts";
import { type LocalRecord, withAppCommand } from "../../operator/local-record.ts";
import type { Operator } from "../../operator/operator.ts";
import type { HostFacts } from "../../ports.ts";
import { Alarm } from "../alarm.ts";
import type { NumberKey } from "../settings/item-table.ts";
import type { Settings } from "../settings/settings.ts";
import {
  type AppOrder,
  appOrders,
  bootWishes,
  encodeApps,
  encodeBoots,
  encodeDevice,
  encodeLocation,
  encodeRadio,
  type LocalFacts,
  localServerUrl,
  nodeOrder,
  readAnswer,
} from "./local-messages.ts";
import { encodeNetwork, readNetwork } from "./local-network.ts";
import { type LocalEndpoint, listenForSignals } from "./signals.ts";

export interface LocalServerParts {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly settings: Settings;
  readonly store: EngineStore;
  readonly operator: Operator;
  readonly bundle: Pick<InfoBundle, "send">;
  readonly hardware: HardwareProbe;
  readonly host: Pick<HostFacts, "bootedAt">;
  readonly node: () => string;
}

type Server = NonNullable<NodeWishes["localServer"]>;

interface Door {
  readonly path: string;
  readonly pace: NumberKey;
  /** How long a server that does not know the door is left alone. */
  readonly unknown: Millis;
  /** Not there: a GET. What is undefined is not said now. */
  readonly ask?: (facts: LocalFacts) => Uint8Array | undefined;
}

const hour = minutes(60);
const doors: Readonly<Record<LocalEndpoint, Door>> = {
  profile: { path: "local_profile", pace: "timer.lps.profile.interval", unknown: hour },
  radio: { path: "radio", pace: "timer.lps.radio.interval", unknown: minutes(5), ask: encodeRadio },
  apps: { path: "appinfo", pace: "timer.lps.appinfo.interval", unknown: hour, ask: encodeApps },
  boots: { path: "appbootinfo", pace: "timer.lps.appbootinfo.interval", unknown: hour, ask: encodeBoots },
  device: { path: "devinfo", pace: "timer.lps.devinfo.interval", unknown: hour, ask: encodeDevice },
  location: {
    path: "location",
    pace: "timer.location.app.interval",
    unknown: minutes(5),
    ask: encodeLocation,
  },
  network: {
    path: "network",
    pace: "timer.lps.network.interval",
    unknown: hour,
    ask: ({ network }) => encodeNetwork(network),
  },
};

const contentType = "application/x-proto-binary";
/** A server beside the node answers at once or not at all. */
const timeoutMs = seconds(15);
/** Commands for a few hundred apps. */
const answerMax = 256 * 1024;

export class LocalServer {
  readonly #parts: LocalServerParts;
  readonly #alarms = new Map<LocalEndpoint, Alarm>();
  readonly #signalAlarm = new Alarm();
  /** Doors that the server did not know, and until when they are left alone. */
  readonly #unknownUntil = new Map<LocalEndpoint, number>();
  readonly #failing = new Set<string>();
  /** Apps whose command is under way: whether they have been seen down. */
  readonly #busy = new Map<string, boolean>();
  #server = "";
  #networkFault = "";
  #phase = "";

  constructor(parts: LocalServerParts) {
    this.#parts = parts;
    for (const name of Object.keys(doors) as LocalEndpoint[]) this.#alarms.set(name, new Alarm());
    parts.store.desired.subscribe(() => this.#configured());
    parts.store.apps.subscribe((id) => this.#watch(id));
    parts.operator.onChange(() => this.#phaseChanged());
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#configured();
    const names = Object.keys(doors) as LocalEndpoint[];
    await Promise.all([...names.map((name) => this.#visit(name, signal)), this.#signals(signal)]);
  }

  /** Before the box goes down whoever runs beside it, or on it, hears of it. */
  #phaseChanged(): void {
    const { phase } = this.#parts.operator;
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#alarms.get("device")?.ring();
  }

  get #wanted(): Server | undefined {
    return this.#parts.store.desired.get()?.node?.localServer;
  }

  /** Another server, or none: what is known of the one before is void. */
  #configured(): void {
    if (this.#parts.store.desired.get() === undefined) return;
    const text = JSON.stringify(this.#wanted ?? "");
    if (text === this.#server) return;
    this.#server = text;
    this.#unknownUntil.clear();
    this.#failing.clear();
    this.#networkFault = "";
    for (const alarm of this.#alarms.values()) alarm.ring();
    this.#signalAlarm.ring();
  }

  async #visit(name: LocalEndpoint, signal: AbortSignal): Promise<void> {
    const { clock, random, settings } = this.#parts;
    const alarm = this.#alarms.get(name) ?? new Alarm();
    for (;;) {
      const server = this.#wanted;
      const until = this.#unknownUntil.get(name) ?? 0;
      if (server === undefined) await this.#forget(name);
      else if (clock.monotonic() >= until) await this.#ask(name, server, signal);
      // The spread of fleets does not matter here: the server is the node's own.
      const pace = settings.seconds(doors[name].pace) * (0.9 + 0.1 * random.next());
      await alarm.wait(clock, millis(server === undefined ? hour : pace), signal);
    }
  }

  async #ask(name: LocalEndpoint, server: Server, signal: AbortSignal): Promise<void> {
    const { http, clock, log } = this.#parts;
    const { path, ask, unknown } = doors[name];
    try {
      const body = ask?.(await this.#facts());
      if (ask !== undefined && body === undefined) return;
      const response = await http.send({
        ...{
          url: `${this.#url(server)}/${path}`,
          method: body === undefined ? "GET" : "POST",
          timeoutMs,
          signal,
        },
        ...(body === undefined ? {} : { body, headers: { "content-type": contentType } }),
      });
      const answer = await readBody(response, answerMax);
      if (response.status === 404) {
        this.#unknownUntil.set(name, clock.monotonic() + unknown);
        await this.#forget(name);
      } else if (response.status > 204 || response.status < 200)
        throw new Error(`the server answers ${path} with ${response.status}`);
      else if (response.status !== 204 && answer.length > 0) await this.#heed(name, answer, server);
      this.#failing.delete(name);
    } catch (error) {
      signal.throwIfAborted();
      if (!this.#failing.has(name))
        log.warn("the local profile server is not heeded", { path, error: describeError(error) });
      this.#failing.add(name);
    }
  }

  async #heed(name: LocalEndpoint, body: Uint8Array, { token }: Server): Promise<void> {
    const { operator, store } = this.#parts;
    switch (name) {
      case "profile": {
        const { localProfile } = readAnswer(profile.LocalProfileSchema, body, token);
        const next = localProfile === "" ? undefined : localProfile;
        await operator.changeLocal((it) => (it.profile === next ? it : { ...it, profile: next }));
        return;
      }
      case "radio": {
        const { radioSilence } = readAnswer(profile.RadioConfigSchema, body, token);
        await operator.changeLocal((it) => (it.radioSilence === radioSilence ? it : { ...it, radioSilence }));
        return;
      }
      case "apps": {
        const list = readAnswer(profile.LocalAppCmdListSchema, body, token);
        await this.commandApps(
          appOrders(
            list,
            store.apps.entries().map(([, status]) => status),
          ),
        );
        return;
      }
      case "device": {
        const { command, timestamp } = readAnswer(profile.LocalDevCmdSchema, body, token);
        await this.commandNode(command, timestamp, "the local profile server");
        return;
      }
      case "boots": {
        const list = readAnswer(profile.AppBootConfigListSchema, body, token);
        const bootOrders = bootWishes(list, store.desired.get()?.apps ?? []);
        await this.#change({ bootOrders });
        return;
      }
      case "location":
        // It is only told.
        return;
      case "network":
        await this.#takeNetwork(body, token);
    }
  }

  /** What makes no sense leaves the ports as they are, and the server is told why. */
  async #takeNetwork(body: Uint8Array, token: string): Promise<void> {
    try {
      const { ports } = readAnswer(profileNetwork.LocalNetworkConfigSchema, body, token);
      await this.#change({ ports: readNetwork(ports, this.#parts.store.desired.get()?.ports ?? []) });
      this.#networkFault = "";
    } catch (error) {
      this.#networkFault = describeError(error);
      throw error;
    }
  }

  async #change(more: Partial<Pick<LocalRecord, "ports" | "bootOrders">>): Promise<void> {
    await this.#parts.operator.changeLocal((it) => {
      const next = { ...it, ...more };
      return same(it, next) ? it : next;
    });
  }

  /** Each once; a command that came before is skipped by its timestamp. */
  async commandApps(orders: readonly AppOrder[]): Promise<void> {
    const { operator, log } = this.#parts;
    for (const { id, command, at } of orders) {
      if (operator.local.apps.get(id)?.commandAt === at) continue;
      log.info("an app's command from beside the node", { app: id, command });
      this.#busy.set(id, false);
      await operator.changeLocal((it) => withAppCommand(it, id, command, at));
    }
  }

  async commandNode(command: profile.LocalDevCmd_Command, at: bigint, whose: string): Promise<void> {
    const { operator, log } = this.#parts;
    if (at === 0n || operator.local.commandAt === at) return;
    const order = nodeOrder(command);
    await operator.changeLocal((it) => ({ ...it, commandAt: at }));
    if (command === profile.LocalDevCmd_Command.COLLECT_INFO) void this.#parts.bundle.send();
    else if (order === undefined) log.warn("a command that this node does not know", { command, whose });
    else operator.order(order, `${order} command of ${whose}`);
  }

  async #forget(name: LocalEndpoint): Promise<void> {
    if (name === "profile") await this.#parts.operator.changeLocal(withoutProfile);
    if (name === "boots") await this.#change({ bootOrders: new Map() });
    if (name !== "network") return;
    await this.#change({ ports: [] });
    this.#networkFault = "";
  }

  /** The server says what changed, in place of being asked for it. */
  async #signals(signal: AbortSignal): Promise<void> {
    const { http, clock, log } = this.#parts;
    for (;;) {
      const server = this.#wanted;
      if (server === undefined) {
        await this.#signalAlarm.wait(clock, hour, signal);
        continue;
      }
      const outcome = await listenForSignals({
        ...{ http, clock, log, signal, url: `${this.#url(server)}/signal` },
        isWanted: () => this.#wanted === server || JSON.stringify(this.#wanted) === JSON.stringify(server),
        pending: (name) => {
          this.#unknownUntil.delete(name);
          this.#alarms.get(name)?.ring();
        },
      });
      await this.#signalAlarm.wait(clock, outcome, signal);
    }
  }

  #url(server: Server): string {
    const { store } = this.#parts;
    const nics = store.nics.entries().map(([, nic]) => nic);
    return localServerUrl(server, store.desired.get() ?? { apps: [], networks: [] }, nics);
  }

  #watch(id: string): void {
    const before = this.#busy.get(id);
    if (before === undefined) return;
    const state = this.#parts.store.apps.get(id as AppId)?.state;
    if (state === undefined || (before && state === "running")) this.#busy.delete(id);
    else if (state !== "running") this.#busy.set(id, true);
  }

  async #facts(): Promise<LocalFacts> {
    const { store, operator, hardware, host, node } = this.#parts;
    return {
      ...{ node: node(), bootedAt: host.bootedAt, life: operator, local: operator.local },
      apps: store.apps.entries().map(([, status]) => status),
      desired: store.desired.get(),
      busy: new Set(this.#busy.keys()),
      network: {
        ...{ ports: store.ports.get(), adapters: await hardware.adapters() },
        ...{ local: operator.local.ports, faults: operator.portFaults, fault: this.#networkFault },
      },
    };
  }
}

function same(one: LocalRecord, other: LocalRecord): boolean {
  const text = ({ ports, bootOrders }: LocalRecord): string =>
    JSON.stringify([ports, [...bootOrders].sort()]);
  return text(one) === text(other);
}

function withoutProfile(record: LocalRecord): LocalRecord {
  return record.profile === undefined ? record : { ...record, profile: undefined };
}
