/** The simulator must be able to fail: what breaks a device of EVE, a row each. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clone, create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { config, devcommon } from "@selvedge/eve-api";
import { checkChange } from "./config-changes.ts";
import { checkConfig } from "./config-rules.ts";
import { PillarPanic, Strictness } from "./strictness.ts";

const id = "11111111-1111-4111-8111-111111111111";

function good(): config.EdgeDevConfig {
  return create(config.EdgeDevConfigSchema, {
    ...{ id: { uuid: id }, configTimestamp: timestampFromMs(1), controllercertConfighash: "h" },
    configItems: ["usb", "vga", "console"].map((key) => ({ key: `debug.enable.${key}`, value: "true" })),
    deviceIoList: [
      { ptype: 1, phylabel: "eth0", logicallabel: "eth0", phyaddrs: { ifname: "eth0" }, usage: 1 },
    ],
    networks: [{ id: "n", type: 4, ip: { dhcp: 4 } }],
    systemAdapterList: [{ name: "eth0", uplink: true, networkUUID: "n", lowerLayerName: "eth0" }],
    datastores: [{ id: "d", dType: 5, fqdn: "docker://registry.test" }],
    contentInfo: [{ uuid: "c", URL: "app:1", iformat: 8, dsIdsList: ["d"] }],
    volumes: [{ uuid: "v", origin: { type: 2, downloadContentTreeID: "c" } }],
    networkInstances: [
      {
        ...{ uuidandversion: { uuid: "i" }, instType: 2, activate: true, port: { name: "uplink" } },
        ip: { subnet: "10.1.0.0/24", gateway: "10.1.0.1", dhcpRange: { start: "10.1.0.2", end: "10.1.0.9" } },
      },
    ],
    apps: [
      {
        ...{ uuidandversion: { uuid: "a", version: "1" }, displayname: "app", activate: true },
        fixedresources: { memory: 1024, vcpus: 1, virtualizationMode: 1 },
        volumeRefList: [{ uuid: "v", mountDir: "/" }],
        interfaces: [
          {
            ...{ name: "eth0", networkId: "i" },
            acls: [{ id: 1, matches: [{ type: "ip", value: "0.0.0.0/0" }], actions: [{}] }],
          },
        ],
      },
    ],
  });
}

type Break = (read: config.EdgeDevConfig) => unknown;

function first<T>(list: readonly T[]): T {
  return list[0] as T;
}

const panics: readonly (readonly [string, Break])[] = [
  ["an app without a name", (read) => delete first(read.apps).uuidandversion],
  ["an app without a machine", (read) => delete first(read.apps).fixedresources],
  ["a network instance without a name", (read) => delete first(read.networkInstances).uuidandversion],
];

const faults: readonly (readonly [string, Break, RegExp])[] = [
  ["another device's", (read) => (read.id = { ...first([read.id]), uuid: "x" } as never), /id\.uuid/],
  ["no time", (read) => delete read.configTimestamp, /config_timestamp/],
  ["no hash of certificates", (read) => (read.controllercertConfighash = ""), /controllercert_confighash/],
  ["no keyboard", (read) => read.configItems.shift(), /debug\.enable\.usb is missing/],
  ["no uplink", (read) => (first(read.systemAdapterList).uplink = false), /no uplink/],
  ["no such port", (read) => (first(read.systemAdapterList).lowerLayerName = "e"), /names 0 ports/],
  ["an uplink without network", (read) => (first(read.systemAdapterList).networkUUID = ""), /is not listed/],
  ["a network without ip", (read) => delete first(read.networks).ip, /ip is missing/],
  ["a network of both kinds", (read) => (first(read.networks).type = 9), /type 9/],
  ["a mesh", (read) => (first(read.networkInstances).instType = 4), /instType 4/],
  ["no subnet", (read) => delete first(read.networkInstances).ip, /no subnet/],
  [
    "a gateway among apps",
    (read) => ((first(read.networkInstances).ip as never as { gateway: string }).gateway = "10.1.0.5"),
    /the gateway/,
  ],
  ["no datastore", (read) => (first(read.contentInfo).dsIdsList = []), /ds_ids_list is empty/],
  ["an unknown datastore", (read) => (first(read.contentInfo).dsIdsList = ["x"]), /datastore x/],
  ["an unknown content tree", (read) => read.contentInfo.pop(), /content tree c is not listed/],
  ["another generation", (read) => (first(read.volumes).generationCount = 1n), /waits for ever/],
  ["no volume", (read) => (first(read.apps).volumeRefList = []), /no volume to start from/],
  [
    "no memory",
    (read) => ((first(first([read.apps])).fixedresources as { memory: number }).memory = 0),
    /0 kB/,
  ],
  ["an unknown network", (read) => (first(first(read.apps).interfaces).networkId = "x"), /instance x/],
  [
    "a rule of two names",
    (read) => (first(first(first(first(read.apps).interfaces).acls).matches).type = "lport"),
    /needs a protocol/,
  ],
  ["two of a kind", (read) => read.datastores.push(first(read.datastores)), /d is there twice/],
];

const block = (bytes: number, contextId = "k"): never =>
  ({
    ...{ cipherContextId: contextId, initialValue: new Uint8Array(16), clearTextSha256: new Uint8Array(32) },
    cipherData: new Uint8Array(bytes),
  }) as never;
const patch = (binaryBlob: object): never =>
  ({ uuid: "22222222-1111-4111-8111-111111111111", artifacts: [{ binaryBlob }] }) as never;

/** Of links, certificates, secrets and patch envelopes. */
const partFaults: typeof faults = [
  [
    "a bond of nothing",
    (read) => read.bonds.push({ interfaceName: "b", lowerLayerNames: [] } as never),
    /no lower/,
  ],
  [
    "a bond of Linux' own",
    (read) => read.bonds.push({ interfaceName: "bond0", lowerLayerNames: ["eth0"] } as never),
    /bond0/,
  ],
  [
    "a VLAN of nothing",
    (read) => read.vlans.push({ interfaceName: "v", vlanId: 7 } as never),
    /names nothing/,
  ],
  [
    "a switch without a profile",
    (read) => read.pnacs.push({ logicallabel: "eth0", eapMethod: 1 } as never),
    /no SCEP/,
  ],
  [
    "an authority nowhere",
    (read) => read.scepProfiles.push({ profileName: "p", scepUrl: "x" } as never),
    /scep_url/,
  ],
  ["user data in clear", (read) => (first(read.apps).userData = "eA=="), /in clear/],
  ["a block of no context", (read) => (first(read.apps).cipherData = block(20)), /context k/],
  [
    "devices there are not",
    (read) => (first(read.apps).adapters = [create(devcommon.AdapterSchema, { name: "gpu" })]),
    /group gpu/,
  ],
  ["an empty artifact", (read) => read.patchEnvelopes.push(patch({ case: undefined })), /empty artifact/],
  [
    "a file of no volume",
    (read) => read.patchEnvelopes.push(patch({ case: "volumeRef", value: { imageId: "x" } })),
    /volume x/,
  ],
  [
    "too short a secret",
    (read) => read.patchEnvelopes.push(patch({ case: "encryptedInline", value: { cipherData: block(9) } })),
    /too few bytes/,
  ],
];

const changes: readonly (readonly [string, Break, RegExp | undefined])[] = [
  ["nothing", () => undefined, undefined],
  [
    "a version",
    (read) => (first(read.apps).uuidandversion = { uuid: "a", version: "2" } as never),
    undefined,
  ],
  ["a volume", (read) => (first(read.apps).volumeRefList = []), /need purge/],
  [
    "a machine",
    (read) => ((first(read.apps).fixedresources as { memory: number }).memory = 9),
    /need restart/,
  ],
  [
    "a purge of the same volume",
    (read) => (first(read.apps).purge = { counter: 1 } as never),
    /keeps the old disk/,
  ],
  ["a restart", (read) => (first(read.apps).restart = { counter: 1 } as never), undefined],
  [
    "what a volume is made from",
    (read) => (first(read.volumes).origin = { type: 2, downloadContentTreeID: "x" } as never),
    /same generation/,
  ],
  ["an image", (read) => (first(read.contentInfo).URL = "app:2"), /never fetched/],
];

function faultsOf(act: (strict: Strictness) => void): readonly string[] {
  const strict = new Strictness(() => "test");
  act(strict);
  return strict.faults;
}

describe("a strict device", () => {
  it("has no fault to find with a good configuration", () => {
    assert.deepEqual(
      faultsOf((strict) => checkConfig(good(), id, strict)),
      [],
    );
  });

  for (const [what, breaks] of panics) {
    it(`crashes on ${what}`, () => {
      const read = good();
      breaks(read);
      assert.throws(() => checkConfig(read, id, new Strictness(() => "")), PillarPanic);
    });
  }

  for (const [what, breaks, says] of [...faults, ...partFaults]) {
    it(`finds ${what}`, () => {
      const read = good();
      breaks(read);
      const found = faultsOf((strict) => checkConfig(read, id, strict));
      assert.ok(
        found.some((text) => says.test(text)),
        found.join("\n"),
      );
    });
  }

  for (const [what, breaks, says] of changes) {
    it(`${says === undefined ? "takes" : "refuses"} a change of ${what}`, () => {
      const after = clone(config.EdgeDevConfigSchema, good());
      breaks(after);
      const found = faultsOf((strict) => checkChange(good(), after, strict));
      if (says === undefined) assert.deepEqual(found, []);
      else
        assert.ok(
          found.some((text) => says.test(text)),
          found.join("\n"),
        );
    });
  }
});
