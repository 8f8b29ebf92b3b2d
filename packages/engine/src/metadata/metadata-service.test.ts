import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Log, SystemClock, seconds, silentSink } from "@selvedge/base";
import type { AppId, ContentId, DesiredState, PatchSpec, VolumeId } from "../desired.ts";
import { EngineStore } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import type { CredentialKeys } from "../identity/key-store.ts";
import type { LinkCounters } from "../observed.ts";
import type { MetadataAnswer } from "./exchange.ts";
import { MetadataService } from "./metadata-service.ts";
import { diagnosis, nodeMetrics } from "./node-words.ts";
import { PatchBook } from "./patch-book.ts";
import { PostedData } from "./posted-data.ts";

const me = "11111111-1111-4111-8111-111111111111" as AppId;
const other = "22222222-2222-4222-8222-222222222222" as AppId;
const patchId = "33333333-3333-4333-8333-333333333333";
const volumeId = "44444444-4444-4444-8444-444444444444" as VolumeId;
const folder = mkdtempSync(join(tmpdir(), "sv-metadata-"));
const blob = join(folder, "blob");
writeFileSync(blob, "raw bytes");
after(() => rmSync(folder, { recursive: true }));

const inline = {
  kind: "inline",
  file: "a.txt",
  base64: "aGVsbG8=",
  fileMeta: "m",
  artifactMeta: "n",
} as const;
const patch: PatchSpec = {
  ...{ id: patchId, name: "fix", version: "2", active: true, apps: [me], faults: [] },
  artifacts: [
    inline,
    { kind: "volume", file: "b.bin", volumeId, imageName: "img", fileMeta: "", artifactMeta: "" },
    { kind: "sealed", of: "inline", block: "c2VjcmV0", artifactMeta: "" },
  ],
};
const app = (id: AppId, more: object = {}, nic: object = {}): object => ({
  ...{ id, displayName: `app-${id[0]}`, foreign: { metaData: "none" }, ...more },
  nics: [{ name: "eth0", networkId: "n", mac: undefined, rules: [], ...nic }],
});
const counted: LinkCounters = {
  ...{ rxBytes: 1n, txBytes: 2n, rxPackets: 3n, txPackets: 4n, rxDrops: 5n, txDrops: 6n },
  ...{ rxErrors: 7n, txErrors: 8n, rxDenied: 9n, txDenied: 10n, rxLimited: 11n, txLimited: 12n },
};

interface World {
  readonly ask: (
    path: string,
    more?: Partial<{ method: string; type: string; body: string; from: string }>,
  ) => Promise<MetadataAnswer>;
  readonly store: EngineStore;
  readonly patches: PatchBook;
}

function world(
  more: {
    patches?: PatchSpec[];
    mine?: object;
    nic?: object;
    port?: string;
    ready?: boolean;
    keys?: CredentialKeys;
  } = {},
): World {
  const store = new EngineStore();
  const names = {
    ...{ device: "shop-7", project: "p", projectId: "pid", enterprise: "e", enterpriseId: "eid" },
    ...{ manufacturer: "", product: "" },
  };
  store.desired.set({
    ...{ nodeId: "node-uuid", nodeName: "shop-7", configHash: "h", node: { names } },
    apps: [app(me, more.mine, more.nic), app(other)],
    networks: [{ id: "n", name: "net", port: more.port ?? "uplink" }],
    ports: [{ name: "wan", interface: "eth0", labels: [], uplink: true, cost: 0 }],
    volumes: [{ id: volumeId, contentId: "c" }],
    patches: more.patches ?? [patch],
  } as unknown as DesiredState);
  for (const [id, address] of [
    [me, "10.1.0.2/24"],
    [other, "10.1.0.3/24"],
  ] as const) {
    store.nics.set(`${id}/eth0`, {
      ...{ phase: "ready", appId: id, networkId: "n" as never, tap: `svt${id[0]}n0`, uid: 1 },
      ...{ mac: "", address, gateway: "10.1.0.1", dns: [], searchDomains: [] },
    });
    store.apps.set(id, { id } as never);
  }
  if (more.ready !== false)
    store.contents.set("c" as ContentId, {
      ...{ phase: "ready", path: blob, digest: "sha256:abc", imageId: "", sizeBytes: 9, config: undefined },
    });
  const clock = new SystemClock();
  const log = new Log("test", clock, silentSink);
  const opener = { openArtifact: async () => ({ ...inline, file: "secret.txt", base64: "c2VjcmV0" }) };
  const patches = new PatchBook(store, opener);
  const disk = { writeDurable: async () => {} } as unknown as Disk;
  const service = new MetadataService({
    ...{ store, clock, patches, posted: new PostedData(store, disk, log) },
    secrets: { openUserData: async () => "", openAppSecrets: async () => assert.fail() },
    log,
    tpm: {
      credentialKeys: async () => more.keys,
      activate: async ({ credential, secret, data }) => {
        if (data.length === 0) throw new Error("the TPM refuses");
        return more.keys && { secret: Uint8Array.of(...credential, ...secret), signature: data };
      },
    },
    envelope: async (payload) => new TextEncoder().encode(`signed ${new TextDecoder().decode(payload)}`),
    cards: {
      addresses: async () => new Map([["eth0", ["192.0.2.7"]]]),
      counters: async () => new Map([["eth0", counted]]),
    },
    diagnosis: async () => "INFO: well\n",
    nodeMetrics: async () => "up 1\n",
    settings: {
      number: (key) => (key === "msrv.prometheus.metrics.rps" ? 0.000001 : 2),
      seconds: () => seconds(240),
    },
  });
  return {
    ...{ store, patches },
    ask: (path, { method = "GET", type = "", body = "", from = "10.1.0.2" } = {}) =>
      service.answer({
        ...{ method, path, contentType: type, address: from, port: 4711 },
        body: async (max) => (body.length > max ? undefined : new TextEncoder().encode(body)),
      }),
  };
}

const text = ({ body = "" }: MetadataAnswer): string =>
  typeof body === "string" ? body : new TextDecoder().decode(body);
const stranger = { from: "10.1.0.99" };
const post = { method: "POST", type: "application/json", body: "{}" };
const network =
  `{"app-instance-uuid":"${me}","caller-ip":"10.1.0.2:4711","device-name":"shop-7","device-uuid":"node-uuid",` +
  `"enterprise-id":"eid","enterprise-name":"e","external-ipv4":"192.0.2.7","hostname":"${me}",` +
  `"project-name":"p","project-uuid":"pid"}`;
const download = `/eve/v1/patch/download/${patchId}`;

type Row = readonly [path: string, request: object, status: number, body?: string | RegExp, type?: string];
const rows: readonly Row[] = [
  ["/eve/v1/network.json", {}, 200, network, "application/json"],
  ["/eve/v1/network.json", stranger, 404],
  ["/eve/v1/external_ipv4", {}, 200, "192.0.2.7\n", "text/plain"],
  ["/eve/v1/external_ipv4", stranger, 404],
  ["/eve/v1/hostname", {}, 200, `${me}\n`, "text/plain"],
  ["/eve/v1/hostname", stranger, 204],
  ["/eve/v1/kubeconfig", post, 200, ""],
  ["/eve/v1/kubeconfig", { ...post, ...stranger }, 204],
  ["/eve/v1/kubeconfig", { ...post, method: "GET" }, 405],
  ["/eve/v1/kubeconfig", { ...post, type: "text/plain" }, 415],
  ["/eve/v1/kubeconfig", { ...post, body: "x".repeat(32_769) }, 500],
  ["/eve/v1/app/appCustomStatus", { ...post, body: "x".repeat(32_768) }, 200],
  ["/eve/v1/location.json", {}, 204],
  ["/eve/v1/wwan/status.json", {}, 204],
  ["/eve/v1/wwan/metrics.json", {}, 204],
  ["/eve/v1/diag", {}, 200, "INFO: well\n", "text"],
  ["/eve/v1/diag", stranger, 403],
  ["/eve/v1/diag", { method: "POST" }, 405],
  ["/eve/v1/network.json", post, 405],
  ["/eve/v1/patch/description.json", { method: "DELETE" }, 405],
  ["/eve/v1/no/such", post, 404],
  ["/eve/v1/discover-network.json", {}, 403, '{"message":"This app instance is not allowed to discover"}'],
  ["/eve/v1/discover-network.json", stranger, 204],
  [
    "/eve/v1/networks/metrics.json",
    {},
    200,
    /^\[\{"IfName":"eth0","Up":true,"TxBytes":2,"RxBytes":1,.*"RxACLRateLimitDrops":11\}\]$/,
  ],
  ["/eve/v1/app/info.json", {}, 200, '{"AppBlobs":null}', "application/json"],
  ["/eve/v1/tpm/signer", { method: "POST", body: "me" }, 200, "signed me", "application/x-proto-binary"],
  ["/eve/v1/tpm/signer", { method: "POST", body: "x".repeat(65_536) }, 400],
  ["/eve/v1/tpm/signer", { method: "POST", ...stranger }, 403],
  ["/eve/v1/tpm/signer", {}, 405],
  ["/eve/v1/tpm/activatecredential/", {}, 500, '{"message":"Operation failed"}'],
  ["/eve/v1/tpm/activatecredential/", stranger, 403],
  ["/eve/v1/tpm/activatecredential/", { method: "PUT" }, 405],
  ["/eve/v1/tpm/activatecredential/", { method: "POST", body: "x".repeat(65_536) }, 400],
  ["/eve/v1/patch/description.json", {}, 200, /"PatchID":"33333333.*"Version":"2"/, "application/json"],
  ["/eve/v1/patch/description.json", stranger, 204],
  ["/eve/v1/patch/description.json", { from: "10.1.0.3" }, 404],
  [`${download}/a.txt`, {}, 200, "aGVsbG8=", "text/plain"],
  [`${download}/secret.txt`, {}, 200, "c2VjcmV0", "text/plain"],
  [`${download}/c.txt`, {}, 404, '{"message":"file is not found"}'],
  [download, {}, 200, /^PK/, "application/zip"],
  [`/eve/v1/patch/download/${me}`, {}, 401],
  ["/openstack", {}, 404],
  ["/openstack", stranger, 501],
  ["/eve/v1/nothing", {}, 404],
];

describe("the metadata service", () => {
  for (const [path, request, status, body, type] of rows)
    it(`answers ${status} to ${JSON.stringify(request).slice(0, 60)} ${path}`, async () => {
      const answer = await world().ask(path, request);
      assert.equal(answer.status, status, text(answer));
      if (typeof body === "string") assert.equal(text(answer), body);
      else if (body !== undefined) assert.match(text(answer), body);
      if (type !== undefined) assert.equal(answer.type, type);
    });

  it("has no external address for a network that leads nowhere", async () => {
    assert.equal((await world({ port: "" }).ask("/eve/v1/network.json")).status, 204);
    assert.equal((await world({ port: "" }).ask("/eve/v1/external_ipv4")).status, 204);
  });

  it("signs nothing for a Pod", async () => {
    const { ask } = world({ mine: { foreign: undefined } });
    assert.equal((await ask("/eve/v1/tpm/signer", { method: "POST", body: "me" })).status, 403);
    assert.equal((await ask("/eve/v1/tpm/activatecredential/")).status, 403);
  });

  it("keeps what an app posts, by app and kind", async () => {
    const { ask, store } = world();
    await ask("/eve/v1/kubeconfig", { ...post, body: '{"k":1}' });
    assert.deepEqual(store.posted.entries(), [
      [`${me}/kubeconfig`, Buffer.from('{"k":1}').toString("base64")],
    ]);
  });

  it("tells an app of the others when it may know", async () => {
    const answer = await world({ nic: { mayDiscover: true } }).ask("/eve/v1/discover-network.json");
    assert.deepEqual(JSON.parse(text(answer)), {
      [other]: [{ port: "svt2n0", "network-address": "10.1.0.3" }],
    });
  });

  it("gives an app the files that are volumes of it for that, and others none", async () => {
    const use = { form: "file", volumeId, contentId: "c" };
    const mine = { foreign: { metaData: "none", volumes: [{ ...use, form: "disk" }, use] } };
    const { ask, store } = world({ mine });
    const desired = store.desired.get();
    const named = {
      volumes: [{ id: volumeId, displayName: "site plan.pdf" }],
      contents: [{ id: "c", meta: "m" }],
    };
    store.desired.set({ ...desired, ...named } as unknown as DesiredState);
    const url = "/eve/app-custom-blobs/site%20plan.pdf";
    assert.equal(
      (await ask("/eve/v1/app/info.json")).body,
      `{"AppBlobs":[{"CustomMeta":"m","DownloadURL":"http://169.254.169.254${url}"}]}`,
    );
    assert.deepEqual((await ask(url)).file, { path: blob, sizeBytes: 9 });
    for (const path of ["/eve/app-custom-blobs", "/eve/app-custom-blobs/", "/eve/app-custom-blobs/x"])
      assert.equal((await ask(path)).status, 404, path);
    assert.equal((await ask(url, { from: "10.1.0.3" })).status, 404, "another app's");
    assert.equal((await ask(url, { from: "10.9.9.9" })).body, "not found");
    store.contents.set("c" as ContentId, { phase: "resolving" });
    assert.equal((await ask("/eve/v1/app/info.json")).body, '{"AppBlobs":null}', "what is not here yet");
  });

  it("counts how an app uses its envelopes", async () => {
    const { ask, patches } = world();
    await ask("/eve/v1/patch/description.json");
    await ask(`${download}/b.bin`);
    assert.deepEqual(
      patches.usage(me).map(({ asked, downloaded }) => [asked, downloaded]),
      [[1, 1]],
    );
  });

  const states: readonly (readonly [string, Partial<PatchSpec>, boolean, string])[] = [
    ["active", {}, true, "active"],
    ["kept until it is activated", { active: false }, true, "ready"],
    ["waiting for its content", {}, false, "received"],
    ["in error when something in it is wrong", { faults: ["no"] }, true, "error"],
  ];
  for (const [name, more, ready, state] of states)
    it(`says of an envelope that it is ${name}`, async () => {
      const { patches, store, ask } = world({ patches: [{ ...patch, ...more }], ready });
      await patches.refresh();
      assert.equal(store.patches.get(patchId)?.state, state);
      const { status } = await ask("/eve/v1/patch/description.json");
      assert.equal(status, state === "active" ? 200 : 404, "apps see what is active and nothing else");
    });

  it("answers a caller's bursts and no more", async () => {
    const { ask } = world();
    const asked = async (from: string): Promise<number> => (await ask("/metrics", { from })).status;
    assert.deepEqual(
      [await asked("10.1.0.2"), await asked("10.1.0.2"), await asked("10.1.0.2")],
      [200, 200, 429],
    );
    assert.equal(await asked("10.1.0.3"), 200, "others are not concerned");
  });

  it("gives OpenStack's files to apps that are configured so", async () => {
    const userData = Buffer.from("#cloud-config\nssh_authorized_keys:\n  - ssh-rsa AAAA me\n").toString(
      "base64",
    );
    const foreign = { metaData: "openstack", userData, sealedUserData: "" };
    const { ask } = world({ mine: { foreign } });
    assert.equal(text(await ask("/openstack")), "latest\n");
    const data = JSON.parse(text(await ask("/openstack/latest/meta_data.json"))) as Record<string, unknown>;
    assert.deepEqual(
      [data["uuid"], data["hostname"], data["public_keys"]],
      [me, "app-1", { "key-0": "ssh-rsa AAAA me\n" }],
    );
    assert.match(text(await ask("/openstack/2018-08-27/user_data")), /^#cloud-config/);
    assert.equal(text(await ask("/openstack/latest/vendor_data.json")), "{}");
    assert.equal((await ask("/openstack/latest/other")).status, 404);
  });
});

it("an artifact whose metadata is sealed is opened for whoever asks", async () => {
  const metaSealed = { ...patch, artifacts: [{ ...inline, sealedMeta: "c2VjcmV0" }] };
  const [view] = await world({ patches: [metaSealed] }).patches.of(me);
  assert.deepEqual(
    view?.ready.map(({ file }) => file),
    ["secret.txt"],
  );
});

describe("the node's own words", () => {
  it("name what is wrong", () => {
    const desired = { nodeName: "n", nodeId: "u", configHash: "h", networks: [{ id: "a", name: "plant" }] };
    const words = diagnosis({
      ...{ engineVersion: "1", controller: "c", desired: desired as never, upSeconds: 3.7 },
      ...{
        networks: new Map([["a", { phase: "waiting", reason: "no port" }]]),
        addresses: new Map([["eth0", []]]),
      },
    });
    assert.match(words, /INFO: port eth0: no IPv4 address\nERROR: network plant: no port\n$/);
  });

  it("are in Prometheus' format", () => {
    const numbers = {
      cpuNanos: 2_000_000_000n,
      memoryBytes: 3,
      memoryUsedBytes: 1,
      diskBytes: 5,
      diskFreeBytes: 4,
    };
    const lines = nodeMetrics({ ...numbers, bootedAtSeconds: 9, cards: new Map([["eth0", counted]]) }).split(
      "\n",
    );
    assert.ok(lines.includes('node_network_receive_bytes_total{device="eth0"} 1'));
    assert.ok(lines.includes("node_memory_MemAvailable_bytes 2"));
  });
});
