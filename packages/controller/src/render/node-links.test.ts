import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EdgeNode, EdgeNodePort } from "@selvedge/kinds";
import { one, pod, render } from "../../test/render-one.ts";

const box = (spec: object): EdgeNode => ({ metadata: { name: "box" }, spec }) as unknown as EdgeNode;

describe("what a box makes of its cards", () => {
  const ports: EdgeNodePort[] = [
    { name: "wan" },
    { name: "office", vlan: { parent: "wan", id: 12 }, uplink: false },
    {
      name: "plant",
      interface: "bondp",
      bond: { cards: ["enp2s0", "enp3s0"], mode: "802.3ad", lacpRate: "fast" },
    },
    { name: "scada", vlan: { parent: "plant", id: 40 }, address: "192.0.2.7/24" },
    { name: "spare", vlan: { parent: "enp9s0", id: 5 }, uplink: false },
    {
      name: "pair",
      bond: { cards: ["enp4s0"], arp: { intervalMs: 200, targets: ["192.0.2.1"] } },
      uplink: false,
    },
  ];
  const { config } = render([], { edgeNode: box({ ports }) });

  it("is of cards that are named once, used as what is made of them is", () => {
    assert.deepEqual(
      config.deviceIoList.map(({ ptype, logicallabel, usage, phyaddrs }) => [
        logicallabel,
        ptype,
        usage,
        phyaddrs["ifname"],
      ]),
      [
        ["wan", 1, 1, "wan"],
        ["enp2s0", 1, 1, "enp2s0"],
        ["enp3s0", 1, 1, "enp3s0"],
        ["enp9s0", 1, 2, "enp9s0"],
        ["enp4s0", 1, 2, "enp4s0"],
      ],
    );
  });

  it("is VLANs and bonds, watched by carrier where nothing is said", () => {
    assert.deepEqual(
      config.vlans.map((vlan) => [vlan.logicallabel, vlan.interfaceName, vlan.lowerLayerName, vlan.vlanId]),
      [
        ["office", "office", "wan", 12],
        ["scada", "scada", "plant", 40],
        ["spare", "spare", "enp9s0", 5],
      ],
    );
    const bonds = config.bonds.map(({ logicallabel, interfaceName, lowerLayerNames, bondMode, lacpRate }) => [
      ...[logicallabel, interfaceName, lowerLayerNames, bondMode, lacpRate],
    ]);
    assert.deepEqual(bonds, [
      ["plant", "bondp", ["enp2s0", "enp3s0"], 5, 2],
      ["pair", "pair", ["enp4s0"], 2, 0],
    ]);
    const [mii, arp] = config.bonds.map(({ monitoring }) => monitoring);
    assert.ok(mii?.case === "mii" && arp?.case === "arp");
    assert.deepEqual(
      [mii.value.interval, arp.value.interval, arp.value.ipTargets],
      [100, 200, ["192.0.2.1"]],
    );
  });

  it("is a port like any other: with a network, and an adapter that names it", () => {
    assert.deepEqual(
      config.systemAdapterList.map(({ name, lowerLayerName, uplink, addr }) => [
        name,
        lowerLayerName,
        uplink,
        addr,
      ]),
      [
        ["wan", "wan", true, ""],
        ["office", "office", false, ""],
        ["plant", "plant", true, ""],
        ["scada", "scada", true, "192.0.2.7"],
        ["spare", "spare", false, ""],
        ["pair", "pair", false, ""],
      ],
    );
    const networks = new Set(config.networks.map(({ id }) => id));
    assert.ok(config.systemAdapterList.every(({ networkUUID }) => networks.has(networkUUID)));
  });
});

describe("devices of a box", () => {
  const edgeNode = box({
    devices: [
      { name: "gpu0", group: "gpu", pci: "0000:03:00.0", kind: "Display" },
      { name: "gpu0-audio", group: "gpu", pci: "0000:03:00.1", kind: "Audio" },
      { name: "scale", usbProduct: "0bda:5411" },
      { name: "com1", serial: "/dev/ttyS0" },
    ],
  });
  const asks = (limits: Record<string, string>): ReturnType<typeof pod> =>
    pod(one({ resources: { limits } }));

  it("are listed with where they are, for apps alone", () => {
    const { config } = render([], { edgeNode });
    assert.deepEqual(
      config.deviceIoList
        .slice(1)
        .map(({ ptype, logicallabel, assigngrp, usage, phyaddrs }) => [
          ...[ptype, logicallabel, assigngrp, usage, { ...phyaddrs }],
        ]),
      [
        [7, "gpu0", "gpu", 3, { pcilong: "0000:03:00.0" }],
        [4, "gpu0-audio", "gpu", 3, { pcilong: "0000:03:00.1" }],
        [14, "scale", "scale", 3, { usbproduct: "0bda:5411" }],
        [3, "com1", "com1", 3, { serial: "/dev/ttyS0" }],
      ],
    );
  });

  it("that are functions of a card are asked for one by one, and the card is the box's", () => {
    const functions = [{ vlan: 7 }, { mac: "02:00:00:00:00:01" }];
    const cards = box({ devices: [{ name: "nic", group: "lan", pci: "0000:05:00.0", functions }] });
    const { config, app } = render([asks({ "selvedge.dev/lanvf1": "1" })], { edgeNode: cards });
    const card = config.deviceIoList.at(-1);
    assert.deepEqual([card?.ptype, card?.assigngrp, card?.vflist?.vfCount], [11, "lan", 2]);
    assert.deepEqual(
      card?.vflist?.data.map(({ index, mac, vlanId }) => [index, mac, vlanId]),
      [
        [0, "", 7],
        [1, "02:00:00:00:00:01", 0],
      ],
    );
    assert.deepEqual(
      app.adapters.map(({ type, name }) => [type, name]),
      [[12, "lanvf1"]],
    );
    const { faults } = render([asks({ "selvedge.dev/lan": "1" })], { edgeNode: cards });
    assert.match(JSON.stringify([...faults]), /no device of this group/);
  });

  it("go to the app that asks, and move its purge counter", () => {
    const without = render([asks({})], { edgeNode }).app;
    const { app } = render([asks({ "selvedge.dev/scale": "1", "selvedge.dev/gpu": "1" })], { edgeNode });
    assert.deepEqual(
      app.adapters.map(({ type, name }) => [type, name]),
      [
        [7, "gpu"],
        [14, "scale"],
      ],
    );
    assert.notEqual(app.purge?.counter, without.purge?.counter);
  });

  it("that are not there keep the app away", () => {
    const { config, faults } = render([asks({ "selvedge.dev/laser": "1" })], { edgeNode });
    assert.equal(config.apps.length, 0);
    assert.deepEqual(
      faults.map(({ reason, message }) => [reason, message]),
      [["NotSupported", "selvedge.dev/laser: EdgeNode box has no device of this group"]],
    );
  });
});

describe("a port that shows a certificate to its switch", () => {
  it("names where it is from, which is said with what is asked for", () => {
    const ca = { name: "plant", url: "https://ca.example/scep", throughController: true };
    const request = { commonName: "box", organization: "Acme", ipAddresses: ["192.0.2.7"], key: "RSA-3072" };
    const authentication = { scepProfile: "plant", identity: "box@plant" };
    const { config } = render([], {
      edgeNode: box({ ports: [{ name: "eth0", authentication }], scepProfiles: [{ ...ca, request }] }),
    });
    const [pnac] = config.pnacs;
    assert.deepEqual(
      [pnac?.logicallabel, pnac?.eapIdentity, pnac?.eapMethod, pnac?.certEnrollmentProfileName],
      ["eth0", "box@plant", 1, "plant"],
    );
    const [profile] = config.scepProfiles;
    assert.deepEqual(
      [profile?.profileName, profile?.scepUrl, profile?.useControllerProxy, profile?.scepChallengePassword],
      ["plant", "https://ca.example/scep", true, undefined],
    );
    const { commonName, organization, sanIp, keyType, hashAlgorithm } = profile?.csrProfile ?? {};
    assert.deepEqual(
      [commonName, organization, sanIp, keyType, hashAlgorithm],
      ["box", "Acme", ["192.0.2.7"], 2, 0],
    );
  });
});
