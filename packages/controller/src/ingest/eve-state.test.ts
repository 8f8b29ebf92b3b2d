import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clone, create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { instant } from "@selvedge/base";
import { config, ext, info, metrics, setExtension } from "@selvedge/eve-api";
import type { EdgeNodeStatus } from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";
import type { NodeId, Records } from "../ports.ts";
import { SqliteRecords } from "../records/sqlite-records.ts";
import { setLocation, setNetworksCondition, timeCondition, withDeviceParts } from "./eve-status.ts";
import { NodeFacts } from "./node-facts.ts";
import { NodeReports } from "./node-reports.ts";
import { PassingWords } from "./passing-words.ts";
import { StateBook } from "./state-book.ts";

const now = instant(Date.UTC(2026, 0, 1));
const { ZSwState: State } = info;
type Content = MessageInitShape<typeof info.ZInfoMsgSchema>["InfoContent"];

function message(InfoContent: Content, at = 1): info.ZInfoMsg {
  return create(info.ZInfoMsgSchema, { atTimeStamp: timestampFromMs(at), InfoContent: InfoContent as never });
}

describe("what nodes say of what they have", () => {
  /** Every kind EVE sends. */
  const rows: readonly (readonly [type: string, Content, id: string, gone?: Content])[] = [
    ["device", { case: "dinfo", value: { HostName: "box", tasks: [{ name: "zedbox" }] } }, ""],
    [
      "app",
      { case: "ainfo", value: { AppID: "a", AppName: "x", state: State.RUNNING } },
      "a",
      { case: "ainfo", value: { AppID: "a" } },
    ],
    [
      "network",
      { case: "niinfo", value: { networkID: "n", displayname: "lan", activated: true } },
      "n",
      { case: "niinfo", value: { networkID: "n" } },
    ],
    [
      "volume",
      { case: "vinfo", value: { uuid: "v", displayName: "disk", state: State.CREATED_VOLUME } },
      "v",
      { case: "vinfo", value: { uuid: "v" } },
    ],
    [
      "content",
      { case: "cinfo", value: { uuid: "c", displayName: "image", state: State.LOADED } },
      "c",
      { case: "cinfo", value: { uuid: "c" } },
    ],
    [
      "blob",
      { case: "binfo", value: { blob: [{ sha256: "ab", state: State.LOADED }] } },
      "ab",
      { case: "binfo", value: { blob: [{ sha256: "ab" }] } },
    ],
    [
      "app-metadata",
      { case: "amdinfo", value: { uuid: "a", type: 2, data: Uint8Array.of(1) } },
      "a/2",
      { case: "amdinfo", value: { uuid: "a", type: 2 } },
    ],
    ["hardware", { case: "hwinfo", value: {} }, ""],
    ["edgeview", { case: "evinfo", value: { countDev: 1 } }, ""],
    ["location", { case: "locinfo", value: { latitude: 1, longitude: 2 } }, ""],
    [
      "patch-envelope",
      { case: "patchInfo", value: { id: "p", name: "patch" } },
      "p",
      { case: "patchInfo", value: { id: "p" } },
    ],
    ["ntp", { case: "ntpSources", value: { sources: [{ hostname: "time" }] } }, ""],
    ["cluster", { case: "clusterInfo", value: { clusterId: "k" } }, ""],
    ["cluster-update", { case: "clusterUpdateInfo", value: {} }, ""],
    ["cluster-node", { case: "clusterNode", value: { nodeStatus: 1 } }, ""],
  ];
  for (const [type, content, id, gone] of rows) {
    it(`is kept for a ${type}, the last word of each, until it is gone`, async () => {
      await using records = new SqliteRecords(":memory:");
      const book = new StateBook(records);
      assert.ok(book.take("node", message(content, 1)));
      assert.ok(book.take("node", message(content, 2)));
      assert.deepEqual(
        book.of("node").map((entry) => [entry.type, entry.id]),
        [[type, id]],
      );
      assert.deepEqual(book.of("node", "another"), []);
      assert.deepEqual(book.of("other"), []);
      if (gone !== undefined) {
        book.take("node", message(gone));
        assert.deepEqual(book.of("node"), []);
      }
      book.take("node", message(content));
      book.forget("node");
      assert.deepEqual(book.of("node"), []);
      assert.deepEqual([...records.entries("state-node")], []);
    });
  }

  it("lasts over a restart, is bounded, and costs no write when it is said again", () => {
    const records = new SqliteRecords(":memory:");
    let writes = 0;
    const counted: Records = {
      get: (bucket, key) => records.get(bucket, key),
      delete: (bucket, key) => records.delete(bucket, key),
      entries: (bucket) => records.entries(bucket),
      settled: () => records.settled(),
      put: (bucket, key, value) => {
        writes++;
        records.put(bucket, key, value);
      },
    };
    const volume = (uuid: string): Content => ({ case: "vinfo", value: { uuid, displayName: "disk" } });
    const first = new StateBook(counted);
    for (let index = 0; index < 600; index++) first.take("node", message(volume(`v${index}`)));
    assert.equal(first.of("node").length, 512);
    const second = new StateBook(counted);
    assert.equal(second.of("node", "volume").length, 512);
    writes = 0;
    for (let index = 100; index < 600; index++) second.take("node", message(volume(`v${index}`), index));
    assert.equal(writes, 0);
    const long = { case: "vinfo", value: { uuid: "x", displayName: "x".repeat(300_000) } } as const;
    assert.equal(second.take("node", message(long)), false);
  });
});

describe("figures", () => {
  it("are kept as they came, the newest alone, unless they are too large", () => {
    const records = new SqliteRecords(":memory:");
    const book = new StateBook(records);
    const figures = (devID: string): Uint8Array =>
      toBinary(
        metrics.ZMetricMsgSchema,
        create(metrics.ZMetricMsgSchema, {
          ...{ devID, atTimeStamp: timestampFromMs(now), vm: [{ uuid: "v", totalBytes: 5n }] },
        }),
      );
    assert.ok(book.takeMetrics("node", figures("first")));
    assert.ok(book.takeMetrics("node", figures("second")));
    assert.deepEqual(book.of("node", "metrics"), [
      {
        ...{ type: "metrics", id: "", at: "2026-01-01T00:00:00.000Z" },
        object: {
          ...{ devID: "second", atTimeStamp: "2026-01-01T00:00:00Z" },
          vm: [{ uuid: "v", totalBytes: "5" }],
        },
      },
    ]);
    assert.equal(book.takeMetrics("node", figures("x".repeat(300_000))), false);
    book.forget("node");
    assert.deepEqual(book.of("node"), []);
  });
});

describe("what passes", () => {
  it("is bounded in all: who said nothing for the longest is forgotten", () => {
    const words = new PassingWords(30);
    for (const node of ["a", "b", "c"]) words.keep(node, "device", new Uint8Array(10));
    words.keep("a", "device", new Uint8Array(10));
    words.keep("d", "device", new Uint8Array(10));
    const held = ["a", "b", "c", "d"].filter((node) => words.of(node).size > 0);
    assert.deepEqual(held, ["a", "c", "d"]);
    words.keep("a", "metrics", new Uint8Array(40));
    assert.deepEqual([...words.of("a").keys()], ["device", "metrics"]);
    assert.equal(words.of("c").size + words.of("d").size, 0);
    words.forget("a");
    for (const node of ["b", "c", "d"]) words.keep(node, "device", new Uint8Array(10));
    assert.equal(words.of("b").size, 1, "what was forgotten counts no more");
  });
});

describe("two words on one thing", () => {
  it("that overtook each other on the way leave the newer", async () => {
    await using world = await ObjectWorld.start();
    const { id } = await world.addNode("a");
    for (const [displayName, at] of [
      ["newer", 2000],
      ["older", 1000],
    ] as const) {
      const content = { case: "vinfo", value: { uuid: "v", displayName } } as const;
      await world.running.reports.info(id, message(content, at));
    }
    const kept = world.running.states.of(id, "volume").map(({ object }) => object as { displayName: string });
    assert.deepEqual(
      kept.map(({ displayName }) => displayName),
      ["newer"],
    );
  });
});

describe("what a box of EVE has", () => {
  it("is what its configuration runs, and what has a machine still", () => {
    const app = (uuid: string, activate: boolean): object => ({ uuidandversion: { uuid }, activate });
    const apps = [app("wanted", true), app("pulled", false), app("halts", false)];
    const made = toBinary(config.EdgeDevConfigSchema, create(config.EdgeDevConfigSchema, { apps } as never));
    const said = [
      { AppID: "pulled", state: State.DOWNLOAD_STARTED },
      { AppID: "halts", state: State.HALTING },
    ];
    const facts = new NodeFacts();
    const reports = new NodeReports({
      ...{ facts, cluster: { started: true }, states: { apps: () => said } },
      caches: { edgeNodes: { by: () => [{ status: { configHash: { applied: "h" } } }] } },
      configs: { current: () => ({ hash: "h", config: made }) },
    } as never);
    reports.runsOn("n" as NodeId, "h");
    const { apps: has, configHash } = facts.apps("n" as NodeId) ?? {};
    assert.deepEqual([[...(has ?? [])], configHash], [["wanted", "halts"], "h"]);
  });
});

describe("an EdgeNode's status", () => {
  const device = create(info.ZInfoDeviceSchema, {
    minfo: { manufacturer: "ACME", productName: "Box", biosVendor: "AMI", biosVersion: "5.1" },
    swList: [
      { activated: true, partitionLabel: "IMGA", partitionState: "active", shortVersion: "14.5.0" },
      { partitionLabel: "IMGB", shortVersion: "14.4.0" },
    ],
    lastRebootReason: "power failure",
    lastRebootTime: timestampFromMs(now),
    dataSecAtRestInfo: { vaultList: [{ status: info.DataSecAtRestStatus.DATASEC_AT_REST_ENABLED }] },
    configItemStatus: {
      configItems: { "timer.config.interval": { value: "60" } },
      unknownConfigItems: { "no.such": {}, "apps[0].service": { error: "not supported: why" } },
    },
    maintenanceMode: true,
    maintenanceModeReasons: [info.MaintenanceModeReason.VAULT_LOCKED_UP],
  });
  const condition = (status: EdgeNodeStatus, type: string): unknown => {
    const found = status.conditions?.find((one) => one.type === type);
    return found && [found.status, found.reason, found.message ?? ""];
  };

  it("has the parts that a device of EVE tells", () => {
    const status = withDeviceParts({}, device, now);
    assert.deepEqual(status.hardware, { manufacturer: "ACME", product: "Box", firmware: "AMI 5.1" });
    assert.deepEqual(status.system, {
      ...{ version: "14.5.0", state: "active", slot: "IMGA", otherVersion: "14.4.0" },
    });
    assert.deepEqual(status.lastReboot, { reason: "power failure", at: "2026-01-01T00:00:00Z" });
    assert.deepEqual(condition(status, "VaultUnlocked"), ["True", "Encrypted", ""]);
    assert.deepEqual(condition(status, "MaintenanceMode"), [
      ...["True", "VaultLockedUp", "the node starts no app: VaultLockedUp"],
    ]);
    assert.deepEqual(condition(status, "SettingsApplied"), [
      ...["False", "SettingRefused"],
      "apps[0].service: not supported: why; no.such: the node does not know it",
    ]);
    const refusing = clone(info.ZInfoDeviceSchema, device);
    const configError = { field: "apps[0].service", message: "refused" };
    setExtension(refusing, ext.NodeReportSchema, create(ext.NodeReportSchema, { configError }));
    assert.deepEqual(
      condition(withDeviceParts({}, refusing, now), "SettingsApplied"),
      ["False", "SettingRefused", "no.such: the node does not know it"],
      "a configuration that is refused is another condition",
    );
    assert.deepEqual(withDeviceParts(status, device, now), status, "said again it changes nothing");
    assert.deepEqual(withDeviceParts({}, create(info.ZInfoDeviceSchema), now), { conditions: [] });
  });

  it("says where it is, and no more often than it moves", () => {
    const status: EdgeNodeStatus = {};
    const at = (latitude: number): boolean =>
      setLocation(status, create(info.ZInfoLocationSchema, { latitude, longitude: 11.5, altitude: 520.4 }));
    assert.equal(at(48.12346), true);
    assert.deepEqual(status.location, { latitude: "48.1235", longitude: "11.5000", altitude: "520" });
    assert.equal(at(48.12349), false);
    assert.equal(at(48.2), true);
    assert.equal(at(Number.NaN), false);
  });

  it("says whether something sets its clock, and which networks fail", () => {
    const sources = (reachable: boolean): string =>
      timeCondition({ sources: [{ reachable }] } as never).reason ?? "";
    assert.deepEqual([sources(true), sources(false)], ["SourcesReachable", "NoSource"]);
    const status: EdgeNodeStatus = {};
    const network = (name: string, error?: string): void => {
      const networkErr = error === undefined ? [] : [{ description: error }];
      const value = create(info.ZInfoNetworkInstanceSchema, {
        networkID: name,
        displayname: name,
        networkErr,
      });
      setNetworksCondition(status, value, now);
    };
    network("a");
    assert.deepEqual(condition(status, "NetworksReady"), ["True", "AllOnline", ""]);
    network("a", "no port");
    network("b", "no address");
    assert.deepEqual(condition(status, "NetworksReady"), [
      ...["False", "NetworkFailed", "a: no port\nb: no address"],
    ]);
    network("a");
    assert.deepEqual(condition(status, "NetworksReady"), ["False", "NetworkFailed", "b: no address"]);
    network("b");
    assert.deepEqual(condition(status, "NetworksReady"), ["True", "AllOnline", ""]);
  });
});
