import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admit } from "../../test/admit.ts";
import { edgeNodeKind } from "../index.ts";

const up = { name: "eth0" };
const ports = (...more: object[]): object => ({ ports: [up, ...more] });
const devices = (...list: object[]): object => ({ devices: list });
const ca = { name: "plant", url: "https://ca.example/scep", request: { commonName: "box" } };
const scep = (more: object): object => ({ scepProfiles: [{ ...ca, ...more }] });
const oneThing = (of: string): string => `a port is one thing: leave ${of} or this out`;

const noUser = "must have no user in it: the challenge is in challengeRef";
const noPem = "must be one certificate in PEM, with its BEGIN and END lines";

const rows: readonly (readonly [what: string, spec: object, ...errors: string[]])[] = [
  ["a VLAN of a port", ports({ name: "v7", vlan: { parent: "eth0", id: 7 } })],
  ["a modem that asks nobody", ports({ name: "m", cellular: { apn: "a", probe: { disabled: true } } })],
  [
    "a modem that asks by TCP",
    ports({ name: "m", cellular: { apn: "a", probe: { address: "2001:db8::1", port: 443 } } }),
  ],
  [
    "a modem that asks a name",
    ports({ name: "m", cellular: { apn: "a", probe: { address: "probe" } } }),
    'spec.ports[1].cellular.probe.address: Invalid value: "probe": must be an IP address: 192.0.2.1',
  ],
  [
    "a modem that asks nobody's port",
    ports({ name: "m", cellular: { apn: "a", probe: { port: 443 } } }),
    "spec.ports[1].cellular.probe.address: Required value: a port is somebody's",
  ],
  [
    "a VLAN of a bond of bare cards",
    ports({ name: "b", bond: { cards: ["e1", "e2"] } }, { name: "v", vlan: { parent: "b", id: 9 } }),
  ],
  ["a VLAN of a bare card", ports({ name: "v7", vlan: { parent: "eth9", id: 7 } })],
  [
    "a VLAN with no number there is",
    ports({ name: "v", vlan: { parent: "eth0", id: 4095 } }),
    "spec.ports[1].vlan.id: Invalid value: 4095: spec.ports[1].vlan.id in body should be less than or equal to 4094",
  ],
  [
    "a VLAN of a VLAN",
    ports({ name: "v", vlan: { parent: "eth0", id: 7 } }, { name: "w", vlan: { parent: "v", id: 7 } }),
    'spec.ports[2].vlan.parent: Invalid value: "v": is a VLAN itself',
  ],
  [
    "one VLAN twice",
    ports({ name: "v", vlan: { parent: "eth0", id: 7 } }, { name: "w", vlan: { parent: "eth0", id: 7 } }),
    "spec.ports[2].vlan.id: Duplicate value: 7",
  ],
  [
    "a VLAN of a wireless network",
    ports(
      { name: "w", wifi: { ssid: "a", secretRef: { name: "s", namespace: "n" } } },
      { name: "v", vlan: { parent: "w", id: 7 } },
    ),
    'spec.ports[2].vlan.parent: Invalid value: "w": carries no VLANs: it is no cable',
  ],
  [
    "a VLAN that is a bond",
    ports({ name: "v", vlan: { parent: "eth0", id: 7 }, bond: { cards: ["e1"] } }),
    `spec.ports[1].bond: Forbidden: ${oneThing("vlan")}`,
  ],
  [
    "a bond of a port",
    ports({ name: "b", bond: { cards: ["eth0"] } }),
    'spec.ports[1].bond.cards[0]: Invalid value: "eth0": is a port of its own: take it out of spec.ports',
  ],
  [
    "a card in two bonds, and a VLAN of it",
    ports(
      { name: "b", bond: { cards: ["e1"] } },
      { name: "c", bond: { cards: ["e1"] } },
      { name: "v", vlan: { parent: "e1", id: 7 } },
    ),
    'spec.ports[2].bond.cards[0]: Invalid value: "e1": is in the bond b already',
    'spec.ports[3].vlan.parent: Invalid value: "e1": is in the bond c: name that instead',
  ],
  [
    "a bond that Linux keeps",
    ports({ name: "bond0", bond: { cards: ["e1"] } }),
    'spec.ports[1].name: Invalid value: "bond0": Linux keeps bond0 for itself: call it something else',
  ],
  [
    "a bond that watches as it cannot",
    ports({
      name: "b",
      bond: { cards: ["e1"], mode: "802.3ad", carrier: {}, arp: { intervalMs: 100, targets: ["a"] } },
    }),
    "spec.ports[1].bond.arp: Forbidden: cards are watched in one way: leave carrier or this out",
    "spec.ports[1].bond.arp: Forbidden: Linux watches a bond of mode 802.3ad by its carrier only",
    'spec.ports[1].bond.arp.targets[0]: Invalid value: "a": must be an IPv4 address',
  ],
  [
    "a bond with nobody to speak to",
    ports({ name: "b", bond: { cards: ["e1"], lacpRate: "fast" } }),
    "spec.ports[1].bond.lacpRate: Forbidden: only partners of mode 802.3ad speak with each other",
  ],
  [
    "a port that authenticates by nothing",
    { ports: [{ ...up, authentication: { scepProfile: "plant", identity: "box" } }] },
    'spec.ports[0].authentication.scepProfile: Not found: "plant"',
  ],
  [
    "a VLAN that authenticates",
    {
      ...ports({
        name: "v",
        vlan: { parent: "eth0", id: 7 },
        authentication: { scepProfile: "plant", identity: "b" },
      }),
      ...scep({}),
    },
    "spec.ports[1].authentication: Forbidden: a cable authenticates, no vlan",
  ],
  [
    "an authority",
    { ports: [{ ...up, authentication: { scepProfile: "plant", identity: "box" } }], ...scep({}) },
  ],
  [
    "an authority by another way",
    scep({ url: "ftp://ca.example" }),
    'spec.scepProfiles[0].url: Invalid value: "ftp://ca.example": must begin with http:// or https://',
  ],
  [
    "an authority with a password in its name",
    scep({ url: "https://a:b@ca.example" }),
    `spec.scepProfiles[0].url: Invalid value: "https://a:b@ca.example": ${noUser}`,
  ],
  [
    "an odd request",
    scep({ caCertificates: ["x"], request: { commonName: "b", ipAddresses: ["a"], uris: ["b"] } }),
    `spec.scepProfiles[0].caCertificates[0]: Invalid value: "<certificate>": ${noPem}`,
    'spec.scepProfiles[0].request.ipAddresses[0]: Invalid value: "a": must be an IP address',
    'spec.scepProfiles[0].request.uris[0]: Invalid value: "b": must be a URI',
  ],
  [
    "devices in every place",
    devices(
      { name: "gpu", pci: "0000:03:00.0" },
      { name: "cam", usb: "1:2.4" },
      { name: "key", usbProduct: "0bda:5411" },
      { name: "com", group: "cam", serial: "/dev/ttyS0" },
      { name: "nic", interface: "eth3" },
    ),
  ],
  [
    "a device that is nowhere",
    devices({ name: "gpu" }),
    "spec.devices[0]: Required value: say where it is: one of pci, usb, usbProduct, serial, interface",
  ],
  [
    "a device in two places",
    devices({ name: "gpu", pci: "0000:03:00.0", usb: "1:2" }),
    "spec.devices[0].usb: Forbidden: a device is in one place: leave pci or this out",
  ],
  [
    "a device in a place that is none",
    devices({ name: "gpu", pci: "03:00.0" }),
    'spec.devices[0].pci: Invalid value: "03:00.0": must be like 0000:03:00.0',
  ],
  [
    "functions of cards",
    devices(
      { name: "nic", pci: "0000:05:00.0", functions: [{}, { vlan: 7, mac: "02:00:00:00:00:01" }] },
      { name: "lan", kind: "Network", interface: "eth3", functions: [{}] },
    ),
  ],
  [
    "functions of what is no card",
    devices({ name: "com", serial: "/dev/ttyS0", functions: [{}] }),
    "spec.devices[0].functions: Forbidden: only a network card, by pci or interface, can be parted",
  ],
  [
    "functions of a group whose name is too long for their numbers",
    devices({ name: "n".repeat(60), interface: "eth3", functions: [{}] }),
    `spec.devices[0].group: Invalid value: "${"n".repeat(60)}": may have 59 characters where there are functions`,
  ],
  [
    "functions in a VLAN that is none, and with the address of many",
    devices({ name: "nic", interface: "eth3", functions: [{ vlan: 4095 }, { mac: "03:00:00:00:00:01" }] }),
    "spec.devices[0].functions[0].vlan: Invalid value: 4095: spec.devices[0].functions[0].vlan in body should be " +
      "less than or equal to 4094",
    'spec.devices[0].functions[1].mac: Invalid value: "03:00:00:00:00:01": spec.devices[0].functions[1].mac in body ' +
      "should match '^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$'",
  ],
  [
    "a device that is a port",
    { ...ports(), ...devices({ name: "eth0", interface: "eth0" }) },
    'spec.devices[0].name: Invalid value: "eth0": is of a port: apps get what no port is made of',
    'spec.devices[0].interface: Invalid value: "eth0": is of a port: apps get what no port is made of',
  ],
  [
    "a device that a bond is made of",
    { ...ports({ name: "b", bond: { cards: ["e1"] } }), ...devices({ name: "nic", interface: "e1" }) },
    'spec.devices[0].interface: Invalid value: "e1": is of a port: apps get what no port is made of',
  ],
];

const look = { dispatcher: "ev.example:443/edge-view", expires: "2030-01-02T03:04:05Z" };
const accessRows: readonly (readonly [what: string, access: object, ...errors: string[]])[] = [
  ["until some time", look],
  [
    "by no dispatcher there could be",
    { ...look, dispatcher: "https://ev.example" },
    'spec.remoteAccess.dispatcher: Invalid value: "https://ev.example": must be like dispatcher.example:443/edge-view',
  ],
  [
    "by a port there is not",
    { ...look, dispatcher: "ev.example:70000" },
    'spec.remoteAccess.dispatcher: Invalid value: "ev.example:70000": must be like dispatcher.example:443/edge-view',
  ],
  ["for ever", { dispatcher: look.dispatcher }, "spec.remoteAccess.expires: Required value"],
];

describe("looking into a box", () => {
  for (const [what, remoteAccess, ...errors] of accessRows) {
    it(what, () => {
      assert.deepEqual(
        admit(edgeNodeKind, { metadata: { name: "box" }, spec: { remoteAccess } }).errors,
        errors,
      );
    });
  }

  it("never by a generation of before", () => {
    const old = admit(edgeNodeKind, {
      metadata: { name: "box" },
      spec: { remoteAccess: { ...look, generation: 2 } },
    });
    const now = { metadata: { name: "box" }, spec: { remoteAccess: { ...look, generation: 1 } } };
    assert.deepEqual(admit(edgeNodeKind, now, old.object).errors, [
      "spec.remoteAccess.generation: Invalid value: 1: must not fall: tokens of then would open again",
    ]);
  });
});

describe("an EdgeNode's ports, devices and authorities", () => {
  for (const [what, spec, ...errors] of rows) {
    it(what, () => {
      assert.deepEqual(admit(edgeNodeKind, { metadata: { name: "box" }, spec }).errors, errors);
    });
  }
});
