/** Runs in a network and mount namespace made for it: two apps, a node that tells them things, and an outside. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log, SystemClock, SystemRandom, seconds, silentSink } from "@selvedge/base";
import type { AppId, ContentId, DesiredState } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import { MetadataServer } from "../src/metadata/linux/metadata-server.ts";
import { createMetadata } from "../src/metadata/metadata-parts.ts";
import { LinuxNetworkDriver } from "../src/network/linux/linux-network-driver.ts";
import { createNetworkDomain } from "../src/network/network-domain.ts";
import type { HostFacts } from "../src/ports.ts";
import { FolderDisk } from "./folder-disk.ts";
import { sh } from "./shell.ts";
import { TestVault } from "./test-vault.ts";

/** The server is in this process: what asks it must not hold it up. */
const run = (line: string): Promise<{ ok: boolean; stdout: string }> =>
  new Promise((resolve) => {
    execFile("sh", ["-c", line], (error, stdout) => resolve({ ok: error === null, stdout }));
  });
const folder = mkdtempSync(join(tmpdir(), "sv-metadata-"));
const me = "11111111-1111-4111-8111-111111111111";
const patch = "33333333-3333-4333-8333-333333333333";
const volume = "44444444-4444-4444-8444-444444444444";
sh("mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up");
for (const name of ["a", "b", "out"]) sh(`ip netns add ${name} && ip -n ${name} link set lo up`);
sh(
  "ip link add up0 type veth peer name eth0 netns out && ip addr add 192.0.2.1/24 dev up0 && ip link set up0 up",
);
sh("ip -n out addr add 192.0.2.2/24 dev eth0 && ip -n out link set eth0 up");
for (const [at, name] of ["a", "b"].entries())
  sh(`ip link add svt${at}n0 type veth peer name eth0 netns ${name}`);

const blob = join(folder, "blob");
writeFileSync(blob, "x".repeat(100_000));
const store = new EngineStore();
const app = (id: string, networkId: string): object => ({
  ...{ id, displayName: id, foreign: {} },
  // No rule lets anything out: what the node itself tells needs none.
  nics: [{ name: "eth0", networkId, mac: undefined, rules: [] }],
});
const network = (id: string, net: string, port: string): object => ({
  ...{ id, name: id, kind: "local", subnet: `${net}.0/24`, gateway: `${net}.1`, port, dns: [], hosts: [] },
  ...{ dhcpFirst: `${net}.2`, dhcpLast: `${net}.9` },
});
const artifacts = [
  { kind: "inline", file: "a.txt", base64: "aGVsbG8=", fileMeta: "", artifactMeta: "" },
  { kind: "volume", file: "b.bin", volumeId: volume, imageName: "b", fileMeta: "", artifactMeta: "" },
];
const none = { names: { device: "n", project: "", projectId: "", enterprise: "", enterpriseId: "" } };
const desired = {
  ...{
    nodeId: "node",
    nodeName: "n",
    configHash: "h",
    node: none,
    volumes: [{ id: volume, contentId: "c" }],
  },
  apps: [app(me, "one"), app("22222222-2222-4222-8222-222222222222", "two")],
  networks: [network("one", "10.77.0", "uplink"), network("two", "10.78.0", "")],
  patches: [{ id: patch, name: "p", version: "1", active: true, apps: [me], artifacts, faults: [] }],
};
store.contents.set("c" as ContentId, {
  ...{ phase: "ready", path: blob, digest: "sha256:0", imageId: "", sizeBytes: 100_000, config: undefined },
});
const clock = new SystemClock();
const log = new Log("test", clock, silentSink);
const disk = new FolderDisk(folder);
const driver = new LinuxNetworkDriver({ prefix: "sv", folder: join(folder, "network") });
const common = { store, disk, clock, random: new SystemRandom(), log };
{
  await using domains = new AsyncDisposableStack();
  domains.defer(() => driver.down());
  const networks = domains.use(createNetworkDomain({ ...common, driver, prefix: "sv", machines: undefined }));
  const metadata = domains.use(
    createMetadata({
      ...{ ...common, listener: new MetadataServer(log), cards: driver, upMs: () => 1000 },
      keys: { credentialKeys: async () => undefined, activate: async () => undefined },
      ...{
        controller: "https://controller",
        engineVersion: "test",
        sealed: disk,
        vault: new TestVault("off"),
      },
      host: {
        memoryBytes: 1,
        bootedAt: 0,
        usage: async () => ({ cpuNanos: 0n, memoryUsedBytes: 0 }),
      } as unknown as HostFacts,
      secrets: {
        openArtifact: async () => assert.fail(),
        openAppSecrets: async () => assert.fail(),
        openUserData: async () => "",
      },
      settings: { number: () => 10, seconds: () => seconds(240) },
      envelope: async (payload) => payload,
    }),
  );
  await networks.start();
  await metadata.start();
  store.desired.set(desired as unknown as DesiredState);
  store.apps.set(me as AppId, { id: me, report: { conditions: [] } } as never);

  const service = "http://169.254.169.254";
  const curl = async (where: string, args: string): Promise<{ status: string; body: string }> => {
    const patient = "curl -s -m 5 --retry 20 --retry-all-errors --retry-delay 1 -w '\\n%{http_code}'";
    const line = `ip netns exec ${where} ${patient} ${args}`;
    const lines = (await run(line)).stdout.split("\n");
    return { status: lines.at(-1) ?? "", body: lines.slice(0, -1).join("\n") };
  };
  const rows = await untilReady();
  for (const [where, row] of rows) {
    sh(
      `ip -n ${where} link set eth0 address ${row.mac} up && ip -n ${where} addr add ${row.address} dev eth0`,
    );
    for (const { destination, gateway } of row.routes ?? [])
      sh(`ip -n ${where} route add ${destination} via ${gateway}`);
  }
  assert.equal((await curl("a", `${service}/eve/v1/hostname`)).body, `${me}\n`);
  const told = JSON.parse((await curl("a", `${service}/eve/v1/network.json`)).body) as Record<string, string>;
  assert.deepEqual([told["external-ipv4"], told["app-instance-uuid"]], ["192.0.2.1", me]);
  assert.match(told["caller-ip"] ?? "", /^10\.77\.0\.2:\d+$/);
  assert.equal(
    (await curl("b", `${service}/eve/v1/network.json`)).status,
    "204",
    "an app whose network leads nowhere asks too",
  );

  const [envelope] = JSON.parse((await curl("a", `${service}/eve/v1/patch/description.json`)).body) as [
    { BinaryBlobs: { url: string; size: number }[] },
  ];
  assert.deepEqual(
    envelope.BinaryBlobs.map(({ size }) => size),
    [8, 100_000],
  );
  assert.equal((await curl("a", `${envelope.BinaryBlobs[0]?.url}`)).body, "aGVsbG8=");
  await run(
    `ip netns exec a curl -s -m 5 -o ${folder}/b.bin ${envelope.BinaryBlobs[1]?.url} && cmp ${folder}/b.bin ${blob}`,
  );
  await run(`ip netns exec a curl -s -m 5 -o ${folder}/all.zip ${service}/eve/v1/patch/download/${patch}`);
  const unpacked = sh(
    `cd ${folder} && mkdir z && busybox unzip -q all.zip -d z && cat z/a.txt && cmp z/b.bin blob`,
  );
  assert.equal(unpacked, "aGVsbG8=");
  assert.equal((await curl("b", `${service}/eve/v1/patch/description.json`)).status, "404");

  const post = "-X POST -H 'Content-Type: application/json' -d '{\"ready\":true}'";
  assert.equal((await curl("a", `${post} ${service}/eve/v1/app/appCustomStatus`)).status, "200");
  assert.deepEqual(store.posted.entries(), [
    [`${me}/status`, Buffer.from('{"ready":true}').toString("base64")],
  ]);
  assert.equal((await curl("a", `${service}/eve/v1/diag`)).body.split("\n")[0], "INFO: node n (node)");
  assert.equal((await curl("a", `--data-binary hello ${service}/eve/v1/tpm/signer`)).body, "hello");

  const reaches = async (where: string, address: string): Promise<boolean> =>
    (await run(`${where} curl -s -m 0.5 ${address}`)).ok;
  sh(
    "ip -n out route add 169.254.169.254/32 via 192.0.2.1 && ip -n out route add 10.77.0.0/24 via 192.0.2.1",
  );
  assert(!(await reaches("ip netns exec out", `${service}/eve/v1/hostname`)), "nobody outside is answered");
  assert(
    !(await reaches("ip netns exec out", "http://192.0.2.1:8775/")),
    "nothing listens towards the outside",
  );
  assert(
    !(await reaches("ip netns exec out", "http://10.77.0.1:8775/eve/v1/hostname")),
    "nor on the bridge for those outside",
  );
}
rmSync(folder, { recursive: true });

async function untilReady(): Promise<
  [string, Extract<ReturnType<typeof store.nics.get>, { phase: "ready" }>][]
> {
  for (;;) {
    const rows = store.nics.entries().map(([, row]) => row);
    const ready = rows.flatMap((row) => (row.phase === "ready" ? [row] : []));
    if (ready.length === 2) return ready.map((row, at) => [["a", "b"][at] ?? "", row]);
    await new Promise((resolve) => store.nics.subscribe(() => resolve(undefined)));
  }
}
