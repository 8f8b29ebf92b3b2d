/** What EVE says of a device that Kubernetes has no word for, as parts and conditions of its EdgeNode. */
import { cloneJson, type Instant, jsonEqual, toRfc3339 } from "@selvedge/base";
import { info } from "@selvedge/eve-api";
import type { EdgeNodeStatus, EdgeNodeSystem } from "@selvedge/kinds";
import { type ConditionSays, setCondition } from "../objects/conditions.ts";
import { nodeReportOf } from "./device-status.ts";
import { errorsText, errorText } from "./error-text.ts";
import { timestampOfNode } from "./node-time.ts";
import { partsOf } from "./port-status.ts";
import { carriedOutOf, systemCondition, systemOf, systemUpdated } from "./system-status.ts";

const textMax = 256;
/** Settings named in a condition. */
const namedMax = 5;
const { DataSecAtRestStatus: Vault, MaintenanceModeReason: Reason, ZNetworkInstanceState: Network } = info;

type NtpSources = Extract<info.ZInfoMsg["InfoContent"], { case: "ntpSources" }>["value"];

/** EdgeNode.status with what the report says besides, and nothing of what it leaves out. */
export function withDeviceParts(
  before: EdgeNodeStatus,
  device: info.ZInfoDevice,
  now: Instant,
  wanted?: EdgeNodeSystem,
): EdgeNodeStatus {
  const status = cloneJson(before);
  const { minfo, lastRebootReason, lastRebootTime } = device;
  if (minfo !== undefined) {
    const { manufacturer, productName, biosVendor, biosVersion, biosReleaseDate } = minfo;
    status.hardware = texts({
      ...{ manufacturer, product: productName },
      firmware: [biosVendor, biosVersion, biosReleaseDate].filter((part) => part !== "").join(" "),
    });
  }
  Object.assign(status, partsOf(device));
  const system = systemOf(device);
  if (system !== undefined) status.system = system;
  const carriedOut = carriedOutOf(device);
  if (carriedOut !== undefined) status.commands = carriedOut;
  if (lastRebootReason !== "") {
    const at = timestampOfNode(lastRebootTime);
    status.lastReboot = texts({ reason: lastRebootReason, at: at === undefined ? "" : toRfc3339(at) });
  }
  status.conditions ??= [];
  for (const says of conditionsOf(device)) setCondition(status.conditions, says, now);
  const updated = systemCondition(wanted, device);
  if (updated !== undefined) setCondition(status.conditions, updated, now);
  // Of a system that nobody asks for any more nothing is left to be said.
  else if (wanted === undefined)
    status.conditions = status.conditions.filter(({ type }) => type !== systemUpdated);
  return status;
}

/** In place; returns whether it moved enough to be told. Places are kept to ten metres. */
export function setLocation(status: EdgeNodeStatus, location: info.ZInfoLocation): boolean {
  const round = (degrees: number): string => degrees.toFixed(4);
  const { latitude, longitude, altitude } = location;
  if (![latitude, longitude].every(Number.isFinite)) return false;
  const height = Number.isFinite(altitude) ? { altitude: `${Math.round(altitude)}` } : {};
  const place = { latitude: round(latitude), longitude: round(longitude), ...height };
  const old = status.location;
  if (old !== undefined && jsonEqual([old.latitude, old.longitude], [place.latitude, place.longitude])) {
    return false;
  }
  status.location = place;
  return true;
}

/** Whether anything sets the node's clock. */
export function timeCondition({ sources }: NtpSources): ConditionSays {
  const reached = sources.filter(({ reachable }) => reachable);
  const type = "TimeSynchronized";
  if (reached.length > 0) {
    const message = `${reached.length} of ${sources.length} sources of time answer`;
    return { type, status: "True", reason: "SourcesReachable", message };
  }
  const message = sources.length === 0 ? "the node has no source of time" : "no source of time answers";
  return { type, status: "False", reason: "NoSource", message };
}

/** In place: one condition for all of a node's networks, naming those that fail. */
export function setNetworksCondition(
  status: EdgeNodeStatus,
  network: info.ZInfoNetworkInstance,
  now: Instant,
): boolean {
  const type = "NetworksReady";
  const name = (network.displayname || network.networkID).slice(0, textMax);
  const isFailing = network.state === Network.ZNETINST_STATE_ERROR || network.networkErr.length > 0;
  status.conditions ??= [];
  const before = status.conditions.find((condition) => condition.type === type);
  const lines = before?.status === "False" ? (before.message ?? "").split("\n") : [];
  const others = lines.filter((line) => line !== "" && !line.startsWith(`${name}: `)).slice(0, namedMax - 1);
  const why = errorsText(network.networkErr) || "it does not say why";
  const failing = isFailing ? [...others, `${name}: ${why.slice(0, textMax)}`] : others;
  const says: ConditionSays =
    failing.length === 0
      ? { type, status: "True", reason: "AllOnline" }
      : { type, status: "False", reason: "NetworkFailed", message: failing.join("\n") };
  return setCondition(status.conditions, says, now);
}

function conditionsOf(device: info.ZInfoDevice): ConditionSays[] {
  const { dataSecAtRestInfo, configItemStatus, swList } = device;
  // A node of ours says these in its own report; one that says nothing of its system says nothing here.
  return [
    ...(swList.length === 0 ? [] : [maintenanceOf(device)]),
    ...(dataSecAtRestInfo === undefined ? [] : [vaultOf(dataSecAtRestInfo)]),
    ...(configItemStatus === undefined ? [] : [settingsOf(configItemStatus, refusedBy(device))]),
  ];
}

function maintenanceOf(device: info.ZInfoDevice): ConditionSays {
  const { maintenanceMode, maintenanceModeReason, maintenanceModeReasons } = device;
  const type = "MaintenanceMode";
  if (!maintenanceMode) return { type, status: "False", reason: "InService" };
  const names = new Map(Object.entries(Reason).map(([name, number]) => [number as number, name]));
  const reasons = maintenanceModeReasons.length > 0 ? maintenanceModeReasons : [maintenanceModeReason];
  const said = reasons.map((number) => camel(names.get(number) ?? `Reason${number}`));
  const message = `the node starts no app: ${said.join(", ")}`;
  return { type, status: "True", reason: said[0] ?? "Unknown", message };
}

function vaultOf({ status: whole, info: text, vaultList }: info.DataSecAtRest): ConditionSays {
  const type = "VaultUnlocked";
  // EVE says it of each vault; the field for all of them is of devices before that.
  const each = vaultList.map(({ status }) => status);
  const worst = [Vault.DATASEC_AT_REST_ERROR, Vault.DATASEC_AT_REST_DISABLED].find((it) => each.includes(it));
  const status = whole === Vault.DATASEC_AT_REST_UNKNOWN ? (worst ?? each[0]) : whole;
  const why = vaultList.map(({ vaultErr }) => errorText(vaultErr));
  const message = [text, ...why].filter((part) => part !== "").join("; ");
  const more = message === "" ? {} : { message: message.slice(0, 2 * textMax) };
  switch (status) {
    case Vault.DATASEC_AT_REST_ENABLED:
      return { type, status: "True", reason: "Encrypted", ...more };
    case Vault.DATASEC_AT_REST_DISABLED:
      return { type, status: "False", reason: "NotEncrypted", ...more };
    case Vault.DATASEC_AT_REST_ERROR:
      return { type, status: "False", reason: "VaultError", ...more };
    default:
      return { type, status: "Unknown", reason: "NotSaid", ...more };
  }
}

/** The field for which a node of ours refuses its configuration: another condition says that. */
function refusedBy(device: info.ZInfoDevice): string | undefined {
  const field = nodeReportOf(device)?.configError?.field;
  return field === "" ? "config" : field;
}

function settingsOf(
  { configItems, unknownConfigItems }: info.ZInfoConfigItemStatus,
  refused: string | undefined,
): ConditionSays {
  const faults = [
    ...Object.entries(configItems).flatMap(([key, { error }]) => (error === "" ? [] : [`${key}: ${error}`])),
    // Among them what else of its configuration a node does not do, with why.
    ...Object.entries(unknownConfigItems).flatMap(([key, { error }]) =>
      key === refused ? [] : [`${key}: ${error || "the node does not know it"}`],
    ),
  ].sort();
  const type = "SettingsApplied";
  if (faults.length === 0) return { type, status: "True", reason: "Applied" };
  const rest = faults.length - namedMax;
  const named = faults.slice(0, namedMax).map((fault) => fault.slice(0, textMax));
  const message = `${named.join("; ")}${rest > 0 ? ` and ${rest} more` : ""}`;
  return { type, status: "False", reason: "SettingRefused", message };
}

/** Only what was said, and no more of it than people read. */
function texts<T extends Readonly<Record<string, string>>>(all: T): Partial<T> {
  const said = Object.entries(all).filter(([, text]) => text !== "");
  return Object.fromEntries(said.map(([key, text]) => [key, text.slice(0, textMax)])) as Partial<T>;
}

function camel(name: string): string {
  return name.toLowerCase().replaceAll(/(?:^|_)([a-z])/g, (_whole, letter: string) => letter.toUpperCase());
}
