/** What a local profile server is told, and what of its answers is heeded. Pure. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { common, info, infoCommon, profile } from "@selvedge/eve-api";
import type { DesiredState, NodeWishes } from "../../desired.ts";
import type { AppStatus, NicStatus } from "../../observed.ts";
import type { AppCommand, LocalRecord } from "../../operator/local-record.ts";
import { cellularMetrics as metricsOf } from "../report/cellular-info.ts";
import { bootReasonOf, deviceState, maintenanceReasons, type NodeLife } from "../report/device-node.ts";
import { appStates } from "../report/info-messages.ts";
import { locationMessage, locationOf } from "../report/location-info.ts";
import type { NetworkFacts } from "./local-network.ts";
import { modemStatuses } from "./local-radio.ts";

type Server = NonNullable<NodeWishes["localServer"]>;

/** Where the server is: one of the node's apps, a name of a network's own DNS, or what the text says. */
export function localServerUrl(
  { host, port }: Server,
  desired: Pick<DesiredState, "apps" | "networks">,
  nics: readonly NicStatus[],
): string {
  const named = desired.networks.flatMap(({ hosts }) => hosts).find(({ name }) => name === host);
  const app = desired.apps.find(({ displayName }) => displayName === host);
  const nic = nics.find((row) => row.phase === "ready" && row.appId === app?.id);
  const own = nic?.phase === "ready" ? nic.address.replace(/\/.*/, "") : undefined;
  const address = named?.addresses[0] ?? own ?? host;
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}/api/v1`;
}

export interface LocalFacts {
  readonly node: string;
  readonly bootedAt: number;
  readonly life: NodeLife;
  readonly local: LocalRecord;
  readonly apps: readonly AppStatus[];
  readonly desired: DesiredState | undefined;
  readonly network: NetworkFacts;
  /** Apps whose last command is still under way. */
  readonly busy: ReadonlySet<string>;
}

export function encodeRadio({ local: { radioSilence }, network }: LocalFacts): Uint8Array {
  const cellularStatus = modemStatuses(network.ports, radioSilence);
  const cellularMetrics = metricsOf(network.ports);
  const value = create(profile.RadioStatusSchema, { radioSilence, cellularStatus, cellularMetrics });
  return toBinary(profile.RadioStatusSchema, value);
}

export function encodeApps({ apps, local, busy }: LocalFacts): Uint8Array {
  const appsInfo = apps.map((status) => ({
    ...{ id: status.id, name: status.displayName, version: status.report.observedVersion },
    state: appStates[status.state],
    lastCmdTimestamp: busy.has(status.id) ? 0n : (local.apps.get(status.id)?.commandAt ?? 0n),
    ...(status.state === "error"
      ? { err: { description: status.report.message, severity: infoCommon.Severity.ERROR } }
      : {}),
  }));
  return toBinary(profile.LocalAppInfoListSchema, create(profile.LocalAppInfoListSchema, { appsInfo }));
}

export function encodeBoots({ desired }: LocalFacts): Uint8Array {
  const appsBootInfo = (desired?.apps ?? []).map(({ id, displayName, bootOrder }) => ({
    ...{ id, displayname: displayName, source: bootSources[bootOrder?.by ?? ""] ?? 0 },
    bootOrder: bootOrder === undefined ? BootOrder.UNSPECIFIED : bootOrders[bootOrder.usb],
  }));
  return toBinary(profile.AppBootInfoListSchema, create(profile.AppBootInfoListSchema, { appsBootInfo }));
}

const { BootOrder } = common;
const bootOrders = { first: BootOrder.USB, last: BootOrder.NOUSB } as const;
const { LPS, CONTROLLER, DEVICE_PROPERTY } = profile.BootOrderSource;
const bootSources: Readonly<Record<string, profile.BootOrderSource>> = {
  ...{ local: LPS, controller: CONTROLLER, node: DEVICE_PROPERTY },
};

/** Of apps that there are, by their id or else their name; who is not in the list is as without a server. */
export function bootWishes(
  { appConfigs }: Pick<profile.AppBootConfigList, "appConfigs">,
  apps: readonly Pick<AppStatus, "id" | "displayName">[],
): ReadonlyMap<string, "first" | "last"> {
  const wishes = appConfigs.flatMap(({ id, displayname, usbBoot }): [string, "first" | "last"][] => {
    const app = apps.find((it) => (id === "" ? it.displayName === displayname : it.id === id.toLowerCase()));
    const usb = usbBoot === BootOrder.USB ? "first" : usbBoot === BootOrder.NOUSB ? "last" : undefined;
    return app === undefined || usb === undefined ? [] : [[app.id, usb]];
  });
  return new Map(wishes);
}

export function encodeDevice({ node, bootedAt, life, local }: LocalFacts): Uint8Array {
  const value = create(profile.LocalDevInfoSchema, {
    ...{ deviceUuid: node, state: deviceState(life), lastCmdTimestamp: local.commandAt },
    maintenanceModeReasons: life.troubles.map((trouble) => maintenanceReasons[trouble]),
    bootTime: timestampFromMs(bootedAt),
    lastBootReason: bootReasonOf(life.record.last?.boot),
  });
  return toBinary(profile.LocalDevInfoSchema, value);
}

/** Undefined: nobody knows where the box is, so there is nothing to say. */
export function encodeLocation({ network }: LocalFacts): Uint8Array | undefined {
  const located = locationOf(network.ports);
  return located && toBinary(info.ZInfoLocationSchema, locationMessage(located));
}

/** The answer is not from whom the configuration names, or is nothing we read. */
class LocalAnswerError extends Error {
  override name = "LocalAnswerError";
}

type Schema = Parameters<typeof fromBinary>[0];

/** An answer with the token that the configuration has for this server. */
export function readAnswer<S extends Schema>(
  schema: S,
  body: Uint8Array,
  token: string,
): ReturnType<typeof fromBinary<S>> {
  let value: ReturnType<typeof fromBinary<S>>;
  try {
    value = fromBinary(schema, body);
  } catch (cause) {
    throw new LocalAnswerError("the answer cannot be read", { cause });
  }
  if ((value as { serverToken?: string }).serverToken !== token)
    throw new LocalAnswerError("the answer has another token than the configuration");
  return value;
}

export interface AppOrder {
  readonly id: string;
  readonly command: AppCommand;
  readonly at: bigint;
}

/** Commands for apps that there are, by their id or else their name. */
export function appOrders(
  { appCommands }: Pick<profile.LocalAppCmdList, "appCommands">,
  apps: readonly Pick<AppStatus, "id" | "displayName">[],
): AppOrder[] {
  const { RESTART, PURGE } = profile.AppCommand_Command;
  return appCommands.flatMap(({ id, displayname, timestamp, command }): AppOrder[] => {
    const app = apps.find((it) => (id === "" ? it.displayName === displayname : it.id === id.toLowerCase()));
    if (app === undefined || timestamp === 0n) return [];
    if (command === RESTART) return [{ id: app.id, command: "restart", at: timestamp }];
    return command === PURGE ? [{ id: app.id, command: "purge", at: timestamp }] : [];
  });
}

/** What a command asks of the node; undefined when it asks for something that we do not do. */
export function nodeOrder(
  command: profile.LocalDevCmd_Command,
): "shutdown" | "powerOff" | "reboot" | undefined {
  const { SHUTDOWN, GRACEFUL_POWEROFF, GRACEFUL_REBOOT } = profile.LocalDevCmd_Command;
  if (command === SHUTDOWN) return "shutdown";
  if (command === GRACEFUL_POWEROFF) return "powerOff";
  return command === GRACEFUL_REBOOT ? "reboot" : undefined;
}
