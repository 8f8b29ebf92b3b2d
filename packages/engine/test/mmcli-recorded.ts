/**
 * What mmcli 1.20.4 said of a modem that ModemManager 1.20.4 had found, enabled and connected: one made of AT
 * commands, as no real one is at hand. Left out is what is about CDMA. `net` ports, more than one slot and
 * addresses are not among what such a modem has; tests add them in the form that mmcli's source gives them.
 */
import type { ModemState } from "../src/port/cellular/modem-state.ts";

const path = "/org/freedesktop/ModemManager1";

const said = {
  list: { "modem-list": [`${path}/Modem/0`] },
  modem: {
    modem: {
      "3gpp": {
        "5gnr": { "registration-settings": { "drx-cycle": "--", "mico-mode": "--" } },
        "enabled-locks": [],
        eps: {
          "initial-bearer": {
            "dbus-path": "--",
            settings: { apn: "--", "ip-type": "--", password: "--", user: "--" },
          },
          "ue-mode-operation": "--",
        },
        ...{ imei: "490154203237518", "operator-code": "26201", "operator-name": "26201" },
        ...{ "packet-service-state": "attached", pco: "--", "registration-state": "home" },
      },
      "dbus-path": `${path}/Modem/0`,
      generic: {
        ...{ "access-technologies": ["lte"], bearers: [`${path}/Bearer/0`] },
        ...{ "carrier-configuration": "--", "carrier-configuration-revision": "--", "current-bands": [] },
        "current-capabilities": ["gsm-umts, lte"],
        "current-modes": "allowed: 2g, 3g, 4g; preferred: none",
        ...{ device: "/virtual/one", "device-identifier": "8957d3d24b9ff064ebdbbf56b69d712e9f7452e2" },
        ...{ drivers: ["virtual"], "equipment-identifier": "490154203237518", "hardware-revision": "--" },
        ...{ manufacturer: "Acme", model: "X1", "own-numbers": [], plugin: "generic" },
        ...{ ports: ["abstract:port0 (at)"], "power-state": "on", "primary-port": "abstract:port0" },
        ...{ "primary-sim-slot": "--", revision: "1.2.3", "signal-quality": { recent: "yes", value: "54" } },
        ...{ sim: `${path}/SIM/0`, "sim-slots": [], state: "connected", "state-failed-reason": "--" },
        ...{ "supported-bands": [], "supported-capabilities": ["gsm-umts, lte"] },
        "supported-ip-families": ["ipv4", "ipv6", "ipv4v6"],
        "supported-modes": ["allowed: 2g, 3g, 4g; preferred: none"],
        ...{ "unlock-required": "--", "unlock-retries": [] },
      },
    },
  },
  sim: {
    sim: {
      "dbus-path": `${path}/SIM/0`,
      properties: {
        ...{ active: "yes", eid: "--", "emergency-numbers": [], "esim-status": "--", gid1: "--", gid2: "--" },
        ...{ iccid: "89490200001234567890", imsi: "262011234567890", "operator-code": "26201" },
        ...{ "operator-name": "--", removability: "--", "sim-type": "--" },
      },
    },
  },
  bearer: {
    bearer: {
      "dbus-path": `${path}/Bearer/0`,
      "ipv4-config": { address: "--", dns: [], gateway: "--", method: "ppp", mtu: "--", prefix: "0" },
      "ipv6-config": { address: "--", dns: [], gateway: "--", method: "--", mtu: "--", prefix: "--" },
      properties: {
        ...{ "access-type-preference": "--", "allowed-auth": [], apn: "internet", "apn-type": "--" },
        ...{ "ip-type": "ipv4", password: "--", "profile-id": "--", "rm-protocol": "--" },
        ...{ roaming: "allowed", "roaming-allowance": "--", user: "--" },
      },
      stats: {
        ...{ attempts: "1", "bytes-rx": "--", "bytes-tx": "--", "downlink-speed": "--", duration: "--" },
        ...{ "failed-attempts": "--", "start-date": "1795678467", "total-bytes-rx": "--" },
        ...{ "total-bytes-tx": "--", "total-duration": "--", "uplink-speed": "--" },
      },
      status: {
        ...{ connected: "yes", "connection-error": { message: "--", name: "--" } },
        ...{ interface: "abstract:port0", "ip-timeout": "20", multiplexed: "no", "profile-id": "1" },
        suspended: "no",
      },
      type: "default",
    },
  },
  unmeasured: signalOf("0", { rsrp: "--", rsrq: "--" }),
  signal: signalOf("30", { rsrp: "-101.00", rsrq: "-10.00" }),
  profiles: {
    modem: {
      "3gpp": {
        "profile-manager": { list: ["profile-id: 1, apn: internet, allowed-auth: unknown, ip-type: ipv4"] },
      },
    },
  },
};

type Answer = "list" | "modem" | "sim" | "bearer" | "unmeasured" | "signal" | "profiles";

export const recorded: Readonly<Record<Answer, object>> = said;

function signalOf(rate: string, lte: { readonly rsrp: string; readonly rsrq: string }): object {
  return {
    modem: {
      signal: {
        "5g": { "error-rate": "--", rsrp: "--", rsrq: "--", snr: "--" },
        gsm: { "error-rate": "--", rssi: "--" },
        lte: { "error-rate": "--", ...lte, rssi: "--", snr: "--" },
        refresh: { rate },
        threshold: { "error-rate": "no", rssi: "0" },
        umts: { ecio: "--", "error-rate": "--", rscp: "--", rssi: "--" },
      },
    },
  };
}

/** The same modem as one with a card of its own, in a box. */
export function modemOf(generic: object = {}, mobile: object = {}): object {
  const { modem } = said.modem;
  return {
    modem: {
      ...modem,
      "3gpp": { ...modem["3gpp"], ...mobile },
      generic: {
        ...{ ...modem.generic, ports: ["cdc-wdm0 (mbim)", "ttyUSB2 (at)", "wwan0 (net)"] },
        ...{ "primary-port": "cdc-wdm0", device: "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-3.2" },
        ...{ bearers: [], state: "registered", ...generic },
      },
    },
  };
}

export function simOf(properties: object = {}): object {
  return { sim: { ...said.sim.sim, properties: { ...said.sim.sim.properties, ...properties } } };
}

/** The same connection as one with addresses. */
export function bearerOf(more: object = {}, ipv4: object = {}, top: object = {}): object {
  const { bearer } = said.bearer;
  const given = { address: "10.1.2.3", dns: ["10.1.2.53"], gateway: "10.1.2.1", method: "static" };
  return {
    bearer: {
      ...bearer,
      "ipv4-config": { ...bearer["ipv4-config"], ...given, prefix: "30", ...ipv4 },
      status: { ...bearer.status, interface: "wwan0", ...more },
      ...top,
    },
  };
}

/** A modem that is connected, as the engine knows it. */
export const knownModem: ModemState = {
  ...{ imei: "490154203237518", manufacturer: "Acme", model: "X1", firmware: "1.2.3", protocol: "qmi" },
  ...{ mode: "connected", device: "cdc-wdm0", usb: "1:3.2", pci: "0000:00:14.0", roaming: true },
  ...{ operator: { plmn: "26201", name: "Telekom" }, forbidden: false, technologies: ["lte", "umts"] },
  ...{ signal: 50, figures: { rsrp: -101, rsrq: -10 }, locating: false },
  sims: [
    { slot: 1, active: true, iccid: "8949", imsi: "26201", kind: "physical", state: "present" },
    { slot: 2, active: false, iccid: "", imsi: "", kind: "unknown", state: "absent" },
  ],
  bearers: [
    { apn: "internet", kind: "default", families: "ipv4", connected: true, error: "", since: 1_795_678_467 },
    { apn: "ims", kind: "attach", families: "", connected: false, error: "no such APN", since: 0 },
  ],
  profiles: [{ name: "one", apn: "internet", kind: "default", families: "ipv4v6", roaming: false }],
  traffic: { rxBytes: 1, rxPackets: 2, rxDrops: 3, txBytes: 4, txPackets: 5, txDrops: 6 },
};
