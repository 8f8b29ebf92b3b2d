/** The node's modems as apps are told of them: Go's names, since EVE's structs have no others. Pure. */
import { isIP } from "node:net";
import {
  bearerTypes,
  connectedSince,
  type ModemPort,
  portsOfModems,
  unknownFigure,
} from "../control/report/cellular-info.ts";
import { sourceOf } from "../control/report/port-info.ts";
import type { PortsStatus } from "../observed.ts";
import { labelOf } from "../operator/local-ports.ts";
import type { ModemState, SimCard } from "../port/cellular/modem-state.ts";
import type { CardState } from "../port/port-driver.ts";

/** Undefined: the node has no ports on modems. */
export function modemStatusWords(ports: PortsStatus | undefined): object | undefined {
  const modems = portsOfModems(ports);
  if (modems.length === 0) return undefined;
  const inForce = ports?.book.configs[ports.book.current];
  return {
    ...{ DPCKey: sourceOf(inForce).key, DPCTimestamp: new Date(inForce?.since ?? 0).toISOString() },
    RSConfigTimestamp: neverInGo,
    Networks: modems.map(networkWords),
  };
}

/** Undefined: no modem of the node can be asked. */
export function modemMetricWords(ports: PortsStatus | undefined): object | undefined {
  const modems = portsOfModems(ports).flatMap(({ port, card }) => {
    if (card?.modem === undefined) return [];
    const { figures, traffic } = card.modem;
    const { rssi = unknownFigure, rsrq = unknownFigure } = figures;
    const { rsrp = unknownFigure, snr = unknownFigure } = figures;
    return [
      {
        ...{ LogicalLabel: labelOf(port), PhysAddrs: placeWords(port.interface, card.modem) },
        PacketStats: {
          ...{ RxBytes: traffic.rxBytes, RxPackets: traffic.rxPackets, RxDrops: traffic.rxDrops },
          ...{ TxBytes: traffic.txBytes, TxPackets: traffic.txPackets, TxDrops: traffic.txDrops },
        },
        SignalInfo: { RSSI: rssi, RSRQ: rsrq, RSRP: rsrp, SNR: snr },
      },
    ];
  });
  return modems.length === 0 ? undefined : { Networks: modems };
}

const neverInGo = "0001-01-01T00:00:00Z";
const modes = {
  ...{ unknown: "unrecognized", offline: "offline", silent: "radio-off" },
  ...{ online: "online", connected: "online-and-connected" },
} as const;
const protocols = { qmi: "qmi", mbim: "mbim", other: "" } as const;
const simTypes = { unknown: 0, physical: 1, embedded: 2 } as const;

function networkWords({ port, card, error }: ModemPort): object {
  const modem = card?.modem;
  const { plmn = "", name = "" } = modem?.operator ?? {};
  return {
    ...{ LogicalLabel: labelOf(port), PhysAddrs: placeWords(port.interface, modem) },
    Module: {
      // Names are what EVE and its controller have agreed on, and nobody else's.
      ...{ Name: "", IMEI: modem?.imei ?? "", Model: modem?.model ?? "" },
      ...{ Manufacturer: modem?.manufacturer ?? "", Revision: modem?.firmware ?? "" },
      ControlProtocol: modem === undefined ? "" : protocols[modem.protocol],
      OpMode: modem === undefined ? "" : modes[modem.mode],
    },
    SimCards: listWords(modem?.sims, simWords),
    ConfigError: port.fault ?? error ?? (modem === undefined ? "modem not found" : ""),
    ProbeError: card?.unanswered ?? "",
    CurrentProvider: {
      ...{ PLMN: plmn, Description: plmn === "" ? "" : name, CurrentServing: plmn !== "" },
      ...{ Roaming: modem?.roaming ?? false, Forbidden: modem?.forbidden ?? false },
    },
    VisibleProviders: null,
    CurrentRATs: listWords(modem?.technologies, (it) => it),
    ConnectedAt: modem === undefined ? 0 : connectedSince(modem),
    IPSettings: addressWords(card),
    LocationTracking: modem?.locating ?? false,
    Bearers: listWords(modem?.bearers, (it) => ({
      ...{ APN: it.apn, Type: bearerTypes[it.kind], IPType: it.families, Connected: it.connected },
      ...{ ConnectionError: it.error, ConnectedAt: it.since },
    })),
    Profiles: listWords(modem?.profiles, (it) => ({
      ...{ Name: it.name, APN: it.apn, BearerType: bearerTypes[it.kind], IPType: it.families },
      ForbidRoaming: !it.roaming,
    })),
  };
}

/** Go writes an empty list that nobody made as null. */
function listWords<T>(list: readonly T[] | undefined, words: (item: T) => unknown): unknown[] | null {
  return list === undefined || list.length === 0 ? null : list.map(words);
}

function placeWords(card: string, modem: ModemState | undefined): object {
  const { usb = "", pci = "", device = "" } = modem ?? {};
  return { Interface: card, USB: usb, PCI: pci, Dev: device === "" ? "" : `/dev/${device}` };
}

function simWords(sim: SimCard): object {
  return {
    ...{ Name: "", SlotNumber: sim.slot, SlotActivated: sim.active, ICCID: sim.iccid, IMSI: sim.imsi },
    ...{ Type: simTypes[sim.kind], State: sim.state },
  };
}

function addressWords(card: CardState | undefined): object {
  const [address = "", bits = ""] = (card?.addresses[0] ?? "").split("/");
  return {
    Address:
      bits === "" ? null : { IP: address, Mask: maskWords(isIP(address) === 6 ? 16 : 4, Number(bits)) },
    Gateway: card?.gateways[0] ?? "",
    DNSServers: listWords(card?.dns, (it) => it),
    MTU: card?.mtu ?? 0,
  };
}

/** Go writes bytes in base64. */
function maskWords(length: number, bits: number): string {
  const bytes = Array.from({ length }, (_, at) => 0xff & ~(0xff >> Math.min(8, Math.max(0, bits - 8 * at))));
  return new Uint8Array(bytes).toBase64();
}
