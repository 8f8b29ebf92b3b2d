import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { formatMetrics, instant, type MetricFamily } from "@selvedge/base";
import { ext, metrics, setExtension, type ZMetricMsg } from "@selvedge/eve-api";
import type { EdgeNode, Pod } from "@selvedge/kinds";
import { ManualClock } from "../../../test/manual-clock.ts";
import { UsageBook } from "../../ingest/usage-book.ts";
import type { Caches } from "../../objects/caches.ts";
import { attributeValue, isCounter } from "./figure.ts";
import { appFigures, FleetFigures, isOfFleet, nodeFigures } from "./fleet-figures.ts";

const counters = { rxBytes: 1n, txBytes: 2n, rxPkts: 3n, txPkts: 4n, rxErrors: 5n, rxDrops: 6n };
const denied = { txAclDrops: 7n, rxAclRateLimitDrops: 8n };

const device = create(metrics.deviceMetricSchema, {
  cpuMetric: { totalNs: 5_000_000_000n, upTime: timestampFromMs(100_000) },
  deviceMemory: { memoryMB: 2, usedEveMB: 1, allocatedAppsMB: 3, allocatedEveMB: 4 },
  network: [{ iName: "eth0", alias: "uplink", ...counters, ...denied }],
  cellular: [
    {
      ...{ logicallabel: "lte", packetStats: { rx: { totalBytes: 9n }, tx: { totalBytes: 10n } } },
      signalStrength: { rssi: -70, rsrp: -101, rsrq: -11, snr: 12 },
    },
  ],
  pnacMetrics: [{ logicallabel: "eth0", eapolFramesRx: 1n, eapolFramesTx: 2n, invalidEapolFramesRx: 3n }],
  bondMetrics: [{ logicallabel: "bond0", members: [{ logicallabel: "eth1", linkFailureCount: 4n }] }],
  disk: [
    { disk: "sda", readBytes: 1n, writeBytes: 2n, readCount: 3n, writeCount: 4n, total: 5n },
    { mountPath: "/persist", total: 6n, used: 2n, free: 4n },
  ],
  ...{ appRunTimeStorageMB: 7n, runtimeStorageOverheadMB: 8n },
  storageMetrics: [
    { poolName: "persist", zpoolMetrics: { total: 100n, alloc: 50n, bytesRead: 1n, checksumErrors: 2n } },
  ],
  cipher: [
    {
      ...{ agentName: "control", successCount: 3n, failureCount: 1n },
      tc: [{ errorCode: metrics.CipherError.DECRYPT_FAILED, count: 1n }],
    },
  ],
  ...{ acl: { totalRuleCount: 11n }, zedbox: { numGoRoutines: 400 } },
  lastReceivedConfig: timestampFromMs(1_000),
  lastProcessedConfig: timestampFromMs(2_000),
  zedcloud: [
    {
      ...{ ifName: "eth0", failures: 1n, success: 2n, authVerifyFailure: 3n },
      urlMetrics: [
        {
          url: "https://c/api/v2/edgedevice/id/u/apps/instanceid/a/newlogs",
          sentMsgCount: 1n,
          sentByteCount: 5n,
        },
        { url: "https://c/api/v2/edgedevice/id/u/newlogs", sentMsgCount: 2n, recvByteCount: 6n },
        { url: "https://elsewhere/x", sentMsgCount: 4n },
      ],
    },
  ],
  newlog: {
    ...{
      totalBytesUpload: 1n,
      num4xxResponses: 2,
      tooManyRequest: 3,
      gzipFilesRemoved: 4,
      totalSizeLogs: 5n,
    },
    ...{ failedToSend: true, avgUploadMsec: 250, currentUploadIntv: 90 },
    deviceMetrics: { numInputEvent: 6n, numBytesWrite: 7n, numGzipFileSent: 8n, numGzipFileRetry: 9n },
    appMetrics: { numInputEvent: 10n, numGzipFileInDir: 11 },
  },
  flowlog: {
    messages: { success: 1n, drops: 2n },
    flows: { failedAttempts: 3n },
    dnsRequests: { success: 4n },
  },
});

const app = create(metrics.appMetricSchema, {
  ...{
    AppID: "uid-1",
    cpu: { totalNs: 2_000_000_000n, upTime: timestampFromMs(1_000) },
    appMemory: { allocatedMB: 4, usedMB: 3 },
  },
  network: [{ iName: "nic0", ...counters }],
  disk: [{ disk: "/persist/vault/volumes/v#0.qcow2", provisioned: 10n, used: 5n }],
  container: [
    {
      ...{ appContainerName: "db", PIDs: 7, cpu: { totalNs: 3_000_000_000n } },
      ...{ appContainerMemory: { usedMB: 2 }, network: { rxBytes: 1n }, disk: { writeBytes: 1n } },
    },
  ],
  patchEnvelope: [{ uuid: "patch", patchApiCallCount: 2n, downloadCount: 1n }],
});

setExtension(
  app,
  ext.AppUsageSchema,
  create(ext.AppUsageSchema, { containers: [{ name: "web", cpuNanos: 1_000_000_000n, memoryBytes: 12n }] }),
);

const message: ZMetricMsg = create(metrics.ZMetricMsgSchema, {
  MetricContent: { case: "dm", value: device },
  am: [app],
  nm: [
    {
      ...{ networkID: "n", displayname: "lan", activated: true, network: [counters] },
      probeMetrics: [
        {
          dstNetwork: "0.0.0.0/0",
          intfMetric: [{ intfName: "eth0", gatewayUP: true, remoteProbeLatency: 20 }],
        },
      ],
    },
  ],
  vm: [
    {
      uuid: "v",
      displayName: "pvc-1",
      readBytes: 1n,
      writeCount: 2n,
      totalBytes: 10n,
      usedBytes: 4n,
      freeBytes: 6n,
    },
  ],
  pr: [
    {
      pid: 1,
      name: "qemu",
      userTime: 1,
      systemTime: 2,
      rssBytes: 10n,
      vmBytes: 20n,
      numFds: 3,
      numThreads: 4,
    },
    { pid: 2, name: "qemu", userTime: 1, rssBytes: 5n },
  ],
});

const pod: Pod = {
  ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "shop", uid: "uid-1" } },
  spec: { nodeName: "box-0", containers: [] },
};

/** A fleet of so many boxes that all say the same. */
function fleet(nodes: number, said: ZMetricMsg = message): FleetFigures {
  const clock = new ManualClock();
  const usages = new UsageBook();
  const edgeNodes = Array.from({ length: nodes }, (_, index): EdgeNode => {
    usages.take(`id-${index}`, said, true, instant(clock.now()));
    const metadata = { name: `box-${index}` };
    return {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata, spec: {} },
      status: { nodeID: `id-${index}` },
    } as EdgeNode;
  });
  const caches = {
    edgeNodes: {
      list: () => edgeNodes,
      by: (_: string, id: string) => edgeNodes.filter(({ status }) => status?.nodeID === id),
    },
    pods: { by: (_: string, node: string) => (node === "box-0" ? [pod] : []) },
  } as unknown as Pick<Caches, "edgeNodes" | "pods">;
  return new FleetFigures({ caches, usages, clock, said: () => said });
}

function series(families: readonly MetricFamily[]): number {
  return families.reduce((sum, { samples }) => sum + samples.length, 0);
}

describe("the figures of a node", () => {
  const text = formatMetrics(fleet(1).families());

  for (const line of [
    'selvedge_node_memory_size_bytes{node="box-0"} 2097152',
    'selvedge_node_memory_allocated_bytes{node="box-0",for="engine"} 4194304',
    'selvedge_node_uptime_seconds{node="box-0"} 100',
    'selvedge_node_port_bytes_total{node="box-0",port="uplink",direction="sent"} 2',
    'selvedge_node_port_dropped_packets_total{node="box-0",port="uplink",reason="queue",direction="received"} 6',
    'selvedge_node_port_dropped_packets_total{node="box-0",port="uplink",reason="denied",direction="sent"} 7',
    'selvedge_node_port_dropped_packets_total{node="box-0",port="uplink",reason="limited",direction="received"} 8',
    'selvedge_node_modem_snr_db{node="box-0",port="lte"} 12',
    'selvedge_node_modem_bytes_total{node="box-0",port="lte",direction="received"} 9',
    'selvedge_node_port_authentication_bad_frames_total{node="box-0",port="eth0"} 3',
    'selvedge_node_bond_link_failures_total{node="box-0",port="bond0",member="eth1"} 4',
    'selvedge_node_disk_bytes_total{node="box-0",disk="sda",direction="write"} 2097152',
    'selvedge_node_disk_operations_total{node="box-0",disk="sda",direction="read"} 3',
    'selvedge_node_filesystem_usage_bytes{node="box-0",disk="",mount="/persist",state="free"} 4194304',
    'selvedge_node_pool_errors_total{node="box-0",pool="persist",kind="checksum"} 2',
    'selvedge_node_decryptions_total{node="box-0",agent="control",outcome="failed"} 1',
    'selvedge_node_decryption_errors_total{node="box-0",agent="control",error="decrypt_failed"} 1',
    'selvedge_node_access_rules{node="box-0"} 11',
    'selvedge_node_goroutines{node="box-0"} 400',
    'selvedge_node_config_processed_timestamp_seconds{node="box-0"} 2',
    'selvedge_node_requests_total{node="box-0",port="eth0",outcome="unverified"} 3',
    'selvedge_node_request_messages_total{node="box-0",port="eth0",endpoint="newlogs",direction="sent"} 3',
    'selvedge_node_request_messages_total{node="box-0",port="eth0",endpoint="other",direction="sent"} 4',
    'selvedge_node_request_bytes_total{node="box-0",port="eth0",endpoint="newlogs",direction="received"} 6',
    'selvedge_node_log_events_total{node="box-0",of="apps"} 10',
    'selvedge_node_log_upload_seconds{node="box-0"} 0.25',
    'selvedge_node_log_upload_failing{node="box-0"} 1',
    'selvedge_node_flow_log_total{node="box-0",what="queries",outcome="sent"} 4',
    'selvedge_node_network_up{node="box-0",network="lan"} 1',
    'selvedge_node_network_errors_total{node="box-0",network="lan",direction="received"} 5',
    'selvedge_node_network_probe_latency_seconds{node="box-0",network="lan",destination="0.0.0.0/0",port="eth0"} 0.02',
    'selvedge_node_volume_operations_total{node="box-0",volume="pvc-1",direction="write"} 2',
    'selvedge_node_volume_free_bytes{node="box-0",volume="pvc-1"} 6',
    'selvedge_node_process_cpu_seconds_total{node="box-0",process="qemu"} 4',
    'selvedge_node_process_memory_bytes{node="box-0",process="qemu"} 15',
    'selvedge_app_memory_size_bytes{node="box-0",namespace="shop",pod="web"} 4194304',
    'selvedge_app_network_packets_total{node="box-0",namespace="shop",pod="web",interface="nic0",direction="sent"} 4',
    'selvedge_app_volume_used_bytes{node="box-0",namespace="shop",pod="web",volume="v#0.qcow2"} 5242880',
    'selvedge_app_container_memory_bytes{node="box-0",namespace="shop",pod="web",container="web"} 12',
    'selvedge_app_inner_processes{node="box-0",namespace="shop",pod="web",container="db"} 7',
    'selvedge_app_patch_requests_total{node="box-0",namespace="shop",pod="web",envelope="patch",kind="downloaded"} 1',
  ]) {
    it(`are ${line.replace(/\{.*/, "")}`, () =>
      assert.ok(text.split("\n").includes(line), `${line}\n${text}`));
  }

  it("are all told by somebody", () => {
    const told = new Set(
      fleet(1)
        .families()
        .map(({ name }) => name),
    );
    assert.deepEqual(
      [...nodeFigures, ...appFigures].map(({ name }) => name).filter((name) => !told.has(name)),
      [],
    );
  });

  it("are not told when there are none, or they are too old", () => {
    assert.equal(fleet(0).families().length, 1);
    assert.deepEqual(fleet(1).page("somebody else"), []);
  });
});

describe("a node that says too much", () => {
  const port = { iName: "x".repeat(10_000), rxBytes: 1n };
  const many = create(metrics.ZMetricMsgSchema, {
    MetricContent: {
      case: "dm",
      value: create(metrics.deviceMetricSchema, {
        network: Array.from({ length: 5_000 }, (_, index) => ({ ...port, alias: `eth${index}` })),
        disk: Array.from({ length: 5_000 }, (_, index) => ({ disk: `sd${index}` })),
        zedcloud: [{ urlMetrics: Array.from({ length: 5_000 }, (_, index) => ({ url: `/${index}` })) }],
      }),
    },
    pr: Array.from({ length: 5_000 }, (_, pid) => ({ pid, name: `p${pid}` })),
    nm: Array.from({ length: 5_000 }, (_, index) => ({ displayname: `n${index}` })),
    vm: Array.from({ length: 5_000 }, (_, index) => ({ displayName: `v${index}` })),
  });

  it("is heard no further than a box goes", () => {
    const families = fleet(1, many).page("id-0");
    assert.ok(series(families) < 3_000, `${series(families)}`);
    assert.ok(formatMetrics(families).length < 500_000);
  });

  it("says nothing that no page or message can hold", () => {
    const pr = [{ name: `${"x".repeat(62)}😀`, userTime: Number.NaN, rssBytes: 1n }];
    const value = create(metrics.deviceMetricSchema);
    const said = create(metrics.ZMetricMsgSchema, { MetricContent: { case: "dm", value }, pr });
    const families = fleet(1, said).page("id-0");
    const of = (name: string): MetricFamily | undefined =>
      families.find((family) => family.name === `selvedge_node_process_${name}`);
    assert.equal(of("cpu_seconds_total"), undefined);
    assert.equal(of("memory_bytes")?.samples[0]?.labels[1], `${"x".repeat(62)}\ufffd`);
  });

  it("says no combination of labels twice, which would spoil the page", () => {
    const twice = create(metrics.deviceMetricSchema, { network: [port, { ...port, rxBytes: 2n }] });
    const said = create(metrics.ZMetricMsgSchema, { MetricContent: { case: "dm", value: twice } });
    const bytes = fleet(1, said)
      .page("id-0")
      .find(({ name }) => name === "selvedge_node_port_bytes_total");
    assert.equal(bytes?.samples.length, 2);
  });
});

describe("the page of a fleet", () => {
  it("has so many nodes whole, more of them in brief, and says how many", () => {
    const families = fleet(2_100).families();
    const count = (name: string): number | undefined =>
      families.find((family) => family.name === name)?.samples.length;
    assert.deepEqual([count("selvedge_node_cpu_cores"), count("selvedge_node_uptime_seconds")], [2_000, 200]);
    const shown = families.find(({ name }) => name === "selvedge_metrics_nodes");
    assert.deepEqual(
      shown?.samples.map((sample) => (sample.type === "number" ? sample.value : undefined)),
      [200, 1_800, 100],
    );
  });
});

describe("the names of figures", () => {
  const all = [...nodeFigures, ...appFigures];

  it("end as OpenMetrics has it", () => {
    for (const { name, help, labels } of all) {
      assert.match(name, /^selvedge_(node|app)_[a-z_]+$/);
      assert.match(help, /\.$/);
      for (const label of labels) assert.match(label, /^[a-z]+$/);
    }
    assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
  });

  it("are one each, also for OpenTelemetry", () => {
    const own = all.map(({ convention }) => convention.name).filter((name) => name.startsWith("selvedge."));
    assert.deepEqual(
      own.filter((name, index) => own.indexOf(name) !== index),
      [],
    );
    for (const { labels, convention } of all) assert.equal(convention.attributes.length, labels.length);
    assert.equal(attributeValue("direction", "sent"), "transmit");
    assert.ok(
      isOfFleet({ name: "selvedge_node_cpu_cores", help: "", kind: "gauge", labels: [], samples: [] }),
    );
  });

  it("are those of docs/metrics.md", () => {
    const page = readFileSync(new URL("../../../../../docs/metrics.md", import.meta.url), "utf8");
    const rows = all.map((figure) => {
      const { name, labels, help, convention } = figure;
      const { name: theirs, unit, attributes, adds } = convention;
      const kind = isCounter(figure) ? "counter" : "gauge";
      const instrument = isCounter(figure) ? "counter" : adds === true ? "up-down counter" : "gauge";
      const cells = [
        `\`${name}\``,
        ...[kind, labels.map((label) => `\`${label}\``).join(" "), help, `\`${theirs}\``],
        ...[`${instrument}, ${unit}`, attributes.map((attribute) => `\`${attribute}\``).join(" ")],
      ];
      return `| ${cells.join(" | ")} |`;
    });
    assert.ok(page.includes(rows.join("\n")), `the table of docs/metrics.md is to be:\n${rows.join("\n")}`);
  });
});
