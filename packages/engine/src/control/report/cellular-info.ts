/** Modems as ZInfoDevice and the metrics have them. Pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { info, type metrics, netCommon } from "@selvedge/eve-api";
import type { PortSpec } from "../../desired.ts";
import type { PortsStatus } from "../../observed.ts";
import { labelOf } from "../../operator/local-ports.ts";
import type {
  BearerKind,
  IpFamilies,
  ModemBearer,
  ModemProfile,
  ModemState,
  RadioTechnology,
} from "../../port/cellular/modem-state.ts";
import type { CardState } from "../../port/port-driver.ts";
import type { CellularNetwork } from "../../port/port-spec.ts";

type Init<T> = Exclude<T, { readonly $typeName: string }>;
type Device = MessageInitShape<typeof info.ZInfoDeviceSchema>;
type Status = MessageInitShape<typeof info.ZCellularStatusSchema>;
type ModuleInit = Init<MessageInitShape<typeof info.ZCellularModuleInfoSchema>>;
type SimInit = Init<MessageInitShape<typeof info.ZSimcardInfoSchema>>;
type ProviderInit = MessageInitShape<typeof info.ZCellularProviderSchema>;
type MetricInit = MessageInitShape<typeof metrics.CellularMetricSchema>;

/** A port on a modem, and the modem. */
export interface ModemPort {
  readonly port: PortSpec;
  readonly card: CardState | undefined;
  /** Why it does not speak as it should. */
  readonly error: string | undefined;
}

/** Of the configuration of the ports that is in force. */
export function portsOfModems(ports: PortsStatus | undefined): ModemPort[] {
  const inForce = ports?.book.configs[ports.book.current];
  return (inForce?.ports ?? []).flatMap((port): ModemPort[] => {
    if (port.cellular === undefined) return [];
    const card = ports?.cards[port.interface];
    return [{ port, card, error: inForce?.errors?.[port.name] ?? card?.fault }];
  });
}

/** All that there are, in use or not. */
export function modemsPart(ports: PortsStatus | undefined): Pick<Device & object, "cellRadios" | "sims"> {
  const modems = portsOfModems(ports).flatMap(({ card }) => card?.modem ?? []);
  if (modems.length === 0) return {};
  return { cellRadios: modems.map(moduleInfo), sims: modems.flatMap(simInfos) };
}

/** What it is known by among all modems of the box. */
function nameOf({ imei, usb, model }: ModemState): string {
  return imei || usb || model;
}

function simName(modem: ModemState, { iccid, slot }: ModemState["sims"][number]): string {
  return iccid || `${nameOf(modem)}-SIM${slot}`;
}

const {
  ZCellularOperatingState: Mode,
  ZCellularControlProtocol: Protocol,
  SimType: { UNSPECIFIED: unknownSim, PHYSICAL: physicalSim, ESIM: embeddedSim },
} = info;
const modes: Readonly<Record<ModemState["mode"], info.ZCellularOperatingState>> = {
  ...{ unknown: Mode.UNRECOGNIZED, offline: Mode.OFFLINE, silent: Mode.RADIO_OFF },
  ...{ online: Mode.ONLINE, connected: Mode.ONLINE_AND_CONNECTED },
};
const protocols = { qmi: Protocol.QMI, mbim: Protocol.MBIM, other: Protocol.UNSPECIFIED } as const;
const simTypes = { unknown: unknownSim, physical: physicalSim, embedded: embeddedSim } as const;

export function moduleInfo(modem: ModemState): ModuleInit {
  const { imei, manufacturer, model, firmware: firmwareVersion, mode, protocol } = modem;
  return {
    ...{ name: nameOf(modem), imei, manufacturer, model, firmwareVersion },
    ...{ operatingState: modes[mode], controlProtocol: protocols[protocol] },
  };
}

export function simInfos(modem: ModemState): SimInit[] {
  return modem.sims.map((sim) => ({
    ...{ name: simName(modem, sim), cellModuleName: nameOf(modem), imsi: sim.imsi, iccid: sim.iccid },
    ...{ state: sim.state, slotNumber: sim.slot, slotActivated: sim.active, type: simTypes[sim.kind] },
  }));
}

/** That which serves it; others in sight are not looked for. */
export function providersInfo({ operator, roaming, forbidden }: ModemState): ProviderInit[] {
  const { plmn, name: description } = operator;
  return plmn === "" ? [] : [{ plmn, description, currentServing: true, roaming, forbidden }];
}

export function cellularStatus(
  { apn }: CellularNetwork,
  card: CardState | undefined,
  problem: string | undefined,
): Status {
  const modem = card?.modem;
  const told = { configError: problem ?? "", probeError: card?.unanswered ?? "" };
  // Of a modem that is not known, or tells no connection, it is known all the same whether it has an address.
  const assumed = [{ apn, connected: (card?.addresses ?? []).length > 0 }];
  if (modem === undefined) return { ...told, bearers: assumed };
  const since = connectedSince(modem);
  return {
    ...{ ...told, cellularModule: nameOf(modem), simCards: modem.sims.map((sim) => simName(modem, sim)) },
    providers: providersInfo(modem),
    currentRats: modem.technologies.map((it) => radios[it]),
    ...(since === 0 ? {} : { connectedAt: timestampFromMs(since * 1000) }),
    bearers: modem.bearers.length === 0 ? assumed : modem.bearers.map(bearerInfo),
    profiles: modem.profiles.map(profileInfo),
  };
}

/** In seconds of Unix; 0: it is not. */
export function connectedSince({ bearers }: ModemState): number {
  return bearers.find(({ kind, connected }) => kind === "default" && connected)?.since ?? 0;
}

const { RadioAccessTechnology: Radio, BearerType: Kind, CellularIPType: Family } = netCommon;
const radios: Readonly<Record<RadioTechnology, netCommon.RadioAccessTechnology>> = {
  ...{ gsm: Radio.RADIO_ACCESS_TECHNOLOGY_GSM, umts: Radio.RADIO_ACCESS_TECHNOLOGY_UMTS },
  ...{ lte: Radio.RADIO_ACCESS_TECHNOLOGY_LTE, "5gnr": Radio.RADIO_ACCESS_TECHNOLOGY_5GNR },
};
export const bearerTypes: Readonly<Record<BearerKind, netCommon.BearerType>> = {
  ...{ unknown: Kind.UNSPECIFIED, attach: Kind.ATTACH, default: Kind.DEFAULT, dedicated: Kind.DEDICATED },
};
const families: Readonly<Record<IpFamilies, netCommon.CellularIPType>> = {
  "": Family.CELLULAR_IP_TYPE_UNSPECIFIED,
  ipv4: Family.CELLULAR_IP_TYPE_IPV4,
  ipv6: Family.CELLULAR_IP_TYPE_IPV6,
  ipv4v6: Family.CELLULAR_IP_TYPE_IPV4_AND_IPV6,
};

function bearerInfo(it: ModemBearer): NonNullable<(Status & object)["bearers"]>[number] {
  return {
    ...{ apn: it.apn, bearerType: bearerTypes[it.kind], ipType: families[it.families] },
    ...{ connected: it.connected, connectionError: it.error },
    ...(it.since === 0 ? {} : { connectedAt: timestampFromMs(it.since * 1000) }),
  };
}

function profileInfo(it: ModemProfile): NonNullable<(Status & object)["profiles"]>[number] {
  return {
    ...{ profileName: it.name, apn: it.apn, bearerType: bearerTypes[it.kind] },
    ...{ ipType: families[it.families], forbidRoaming: !it.roaming },
  };
}

/** What EVE says of a figure that it does not have. */
export const unknownFigure = 0x7fffffff;

export function cellularMetrics(ports: PortsStatus | undefined): MetricInit[] {
  return portsOfModems(ports).flatMap(({ port, card }): MetricInit[] => {
    if (card?.modem === undefined) return [];
    const { figures, traffic } = card.modem;
    const { rssi = unknownFigure, rsrq = unknownFigure } = figures;
    const { rsrp = unknownFigure, snr = unknownFigure } = figures;
    const counted = (totalPackets: number, drops: number, totalBytes: number) => ({
      ...{ totalPackets: BigInt(totalPackets), drops: BigInt(drops), totalBytes: BigInt(totalBytes) },
    });
    return [
      {
        ...{ logicallabel: labelOf(port), signalStrength: { rssi, rsrq, rsrp, snr } },
        packetStats: {
          rx: counted(traffic.rxPackets, traffic.rxDrops, traffic.rxBytes),
          tx: counted(traffic.txPackets, traffic.txDrops, traffic.txBytes),
        },
      },
    ];
  });
}
