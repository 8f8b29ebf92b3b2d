import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { certInfo, info, netCommon, pnacInfo } from "@selvedge/eve-api";
import { deviceAmounts, partsOf } from "./port-status.ts";

const at = { seconds: 1_767_225_600n };

describe("what a box says of its parts", () => {
  it("is the ports of the configuration in force: bonds, modems, and where they stand with their switch", () => {
    const device = create(info.ZInfoDeviceSchema, {
      systemAdapter: {
        currentIndex: 1,
        status: [
          { ports: [{ name: "old" }] },
          {
            ports: [
              {
                ...{ name: "plant", ifname: "bondp", isMgmt: true, up: true, macAddr: "02:00:00:00:00:01" },
                IPAddrs: ["192.0.2.7"],
                bondStatus: {
                  mode: netCommon.BondMode.BOND_MODE_802_3AD,
                  lacp: { partnerMac: "02:00:00:00:00:02", activeAggregatorId: 2 },
                  members: [
                    { logicallabel: "enp2s0", miiUp: true, lacp: { aggregatorId: 2 } },
                    { logicallabel: "enp3s0", miiUp: false },
                    { logicallabel: "enp4s0", miiUp: true, lacp: { aggregatorId: 3 } },
                    { logicallabel: "enp5s0", miiUp: true, lacp: { aggregatorId: 2, partnerChurnState: 3 } },
                  ],
                },
                pnacStatus: {
                  ...{ enabled: true, state: pnacInfo.SupplicantState.AUTHENTICATED, lastAuthTimestamp: at },
                },
              },
              {
                ...{ name: "modem", ifname: "wwan0", err: { description: "no address" } },
                wirelessStatus: {
                  cellular: {
                    ...{ cellularModule: "m1", simCards: ["s1"], currentRats: [3] },
                    providers: [{ plmn: "228-01" }, { plmn: "228-02", currentServing: true, roaming: true }],
                    bearers: [{ apn: "internet", connected: false, connectionError: "no carrier" }],
                  },
                },
              },
            ],
          },
        ],
      },
      cellRadios: [{ name: "m1", manufacturer: "Acme", model: "LTE-4" }],
      sims: [
        { name: "s1", slotNumber: 1, iccid: "8941", imsi: "22802", state: "present", slotActivated: true },
      ],
    });
    assert.deepEqual(partsOf(device).ports, [
      {
        ...{ name: "plant", interface: "bondp", uplink: true, up: true, mac: "02:00:00:00:00:01" },
        addresses: ["192.0.2.7"],
        bond: {
          ...{ mode: "802.3ad", partner: "02:00:00:00:00:02" },
          cards: [
            { name: "enp2s0", up: true, bundled: true },
            { name: "enp3s0", up: false },
            { name: "enp4s0", up: true, bundled: false },
            { name: "enp5s0", up: true, bundled: false },
          ],
        },
        authentication: { state: "Authenticated", since: "2026-01-01T00:00:00Z" },
      },
      {
        ...{ name: "modem", interface: "wwan0", uplink: false, up: false, error: "no address" },
        cellular: {
          ...{ modem: "Acme LTE-4", provider: "228-02", roaming: true, technologies: ["LTE"] },
          ...{ connected: false, error: "no carrier" },
          sims: [{ slot: 1, active: true, iccid: "8941", state: "present" }],
        },
      },
    ]);
  });

  it("is certificates with their state and time", () => {
    const device = create(info.ZInfoDeviceSchema, {
      enrolledCerts: [
        {
          ...{ certEnrollmentProfileName: "plant", status: certInfo.CertStatus.RENEWAL_FAILED },
          subject: { commonName: "box-7", organization: ["Acme"] },
          ...{ issuer: { commonName: "Plant CA" }, issueTimestamp: at, expirationTimestamp: at },
          ...{ sha256Fingerprint: "ab12", err: { description: "the authority is away" } },
        },
      ],
    });
    assert.deepEqual(partsOf(device).certificates, [
      {
        ...{
          scepProfile: "plant",
          state: "RenewalFailed",
          subject: "CN=box-7,O=Acme",
          issuer: "CN=Plant CA",
        },
        ...{ issued: "2026-01-01T00:00:00Z", expires: "2026-01-01T00:00:00Z" },
        ...{ fingerprint: "ab12", error: "the authority is away" },
      },
    ]);
  });

  it("is devices that apps may have, and those alone count", () => {
    const macs = Array.from({ length: 20 }, (_, at) => `02:00:00:00:01:${at + 10}`);
    const device = create(info.ZInfoDeviceSchema, {
      assignableAdapters: [
        { name: "eth0", usedByBaseOS: true },
        { name: "gpu", members: ["gpu0", "gpu0-audio"], usedByAppUUID: "a1" },
        { name: "com1", err: { description: "no such port" } },
        { name: "lan", type: 11, usedByBaseOS: true, err: { description: "has no functions" } },
        { name: "lanvf0", type: 12, err: { description: "has no functions" } },
        {
          ...{ name: "lanvf1", type: 12 },
          ioAddressList: [
            { macAddress: "02:00:00:00:00:01", vfInfo: { index: 1, vlanId: 7 } },
            { macAddress: "02:00:00:00:00:02", vfInfo: { index: 2 ** 32 - 1, vlanId: 4095 } },
          ],
        },
        // One whose driver says nothing, two that are whole, and more than a status holds.
        { name: "cards", ioAddressList: [{}, ...macs.map((macAddress) => ({ macAddress }))] },
      ],
    });
    assert.deepEqual(partsOf(device).devices, [
      { group: "gpu", members: ["gpu0", "gpu0-audio"], app: "a1" },
      { group: "com1", error: "no such port" },
      { group: "lan", error: "has no functions" },
      { group: "lanvf0", error: "has no functions" },
      {
        group: "lanvf1",
        addresses: [{ mac: "02:00:00:00:00:01", function: 1, vlan: 7 }, { mac: "02:00:00:00:00:02" }],
      },
      { group: "cards", addresses: macs.slice(0, 16).map((mac) => ({ mac })) },
    ]);
    const lan = { name: "lan", functions: [{}, { vlan: 7 }] };
    assert.deepEqual(deviceAmounts([lan], device), {
      capacity: { "selvedge.dev/lanvf0": "1", "selvedge.dev/lanvf1": "1" },
      allocatable: { "selvedge.dev/lanvf0": "0", "selvedge.dev/lanvf1": "1" },
    });
    const groups = [{ name: "gpu0", group: "gpu" }, { name: "com1" }, { name: "scale" }];
    assert.deepEqual(deviceAmounts(groups, device), {
      capacity: { "selvedge.dev/com1": "1", "selvedge.dev/gpu": "1", "selvedge.dev/scale": "1" },
      allocatable: { "selvedge.dev/com1": "0", "selvedge.dev/gpu": "1", "selvedge.dev/scale": "0" },
    });
  });

  it("is nothing where it says nothing", () => {
    assert.deepEqual(partsOf(create(info.ZInfoDeviceSchema, {})), {});
  });
});
