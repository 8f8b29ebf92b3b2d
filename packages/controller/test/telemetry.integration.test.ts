/** What nodes measure and tell, read with stock tools: kubectl top, kubectl get --raw, a collector. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { on, once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ext, flowlog, hardwareHealth, info, metrics, setExtension } from "@selvedge/eve-api";
import { WebSocket } from "ws";
import { type KubectlVersion, kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { waitFor } from "../../harness/src/real/wait.ts";
import { ControllerProcess } from "./controller-process.ts";
import { type Box, envelope, selfSigned } from "./node-world.ts";
import { DeviceDoor, enrolledDevice, reportDevice, reportRunning, takeConfig } from "./scripted-device.ts";

/** Seconds: what has not come by then does not come before the test is ended either. */
const patience = 60;
const controller = new ControllerProcess();
const mib = 2n ** 20n;

async function kube(version: KubectlVersion, words: string, input = ""): Promise<string> {
  const binary = (await kubectl(version)) ?? "";
  const flags = ["--kubeconfig", controller.kubeconfig, "--cache-dir", `${controller.folder}/${version}`];
  return await new Promise((resolve, reject) => {
    const child = execFile(binary, [...flags, ...words.split(" ")], { timeout: 60_000 }, (error, out, err) =>
      error === null ? resolve(out) : reject(new Error(`kubectl ${words}: ${err}`)),
    );
    child.stdin?.end(input);
  });
}

/** A collector that says 503 until it is told to listen. */
class Collector {
  readonly taken: { readonly path: string; readonly text: string }[] = [];
  status = 503;
  refused = 0;
  readonly #server: Server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    request.on("end", () => {
      if (this.status === 200) this.taken.push({ path: request.url ?? "", text });
      else this.refused++;
      response.writeHead(this.status, { "content-type": "application/json" }).end("{}");
    });
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

describe("what nodes tell", { skip: await kubectlMissing(), timeout: 120_000 }, () => {
  const collector = new Collector();
  let door: DeviceDoor;
  let box: Box;
  let app = "";

  before(async () => {
    await controller.start(["--otlp-endpoint", await collector.start()]);
    door = new DeviceDoor(controller.devicePort, controller.rootCertificate);
    const onboarding = await selfSigned("fitter");
    const profile = {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EnrollmentProfile", metadata: { name: "shops" } },
      spec: { onboardingCertificate: onboarding.certificatePem, approve: "Automatic" },
    };
    await kube("1.32", "apply -f -", JSON.stringify(profile));
    box = await enrolledDevice(door, onboarding, "box-1");
    const first = await waitFor("a configuration", () => takeConfig(box), patience);
    await reportDevice(box, first.hash, []);
    await kube("1.32", "wait --for=condition=Ready node/box-1 --timeout=30s");
    await kube("1.32", "run web --image=registry.example/web:1 --labels=app=web");
    const taken = await waitFor(
      "the Pod",
      async () => {
        const found = await takeConfig(box);
        return found !== undefined && found.config.apps.length > 0 ? found : undefined;
      },
      patience,
    );
    const { uuid = "", version = "" } = taken.config.apps[0]?.uuidandversion ?? {};
    app = uuid;
    await reportRunning(box, app, version, "web");
  });

  after(async () => {
    door?.agent.destroy();
    await controller[Symbol.asyncDispose]();
    collector.stop();
  });

  it("is not found before it is told", async () => {
    await assert.rejects(kube("1.32", "top pods"), /[Mm]etrics not available|no metrics|not found/);
    await assert.rejects(kube("1.35", "get --raw /apis/metrics.k8s.io/v1beta1/nodes/box-1"), /not found/i);
  });

  it("is taken from a report", async () => {
    const use = create(ext.AppUsageSchema, {
      containers: [{ name: "web", cpuNanos: 15_000_000_000n, memoryBytes: 48n * mib }],
    });
    const metric = create(metrics.appMetricSchema, {
      ...{ AppID: app, appMemory: { usedMB: 64 } },
      cpu: { totalNs: 30_000_000_000n, upTime: timestampFromMs(60_000) },
    });
    setExtension(metric, ext.AppUsageSchema, use);
    const device = create(metrics.deviceMetricSchema, {
      cpuMetric: { totalNs: 200_000_000_000n, upTime: timestampFromMs(100_000) },
      deviceMemory: { memoryMB: 4096, usedEveMB: 1024 },
      cellular: [
        {
          ...{ logicallabel: "lte", signalStrength: { rsrp: -101, rssi: 2 ** 31 - 1 } },
          packetStats: { tx: { totalBytes: 5n } },
        },
      ],
      dormantTimeInSeconds: 600n,
    });
    const message = { devID: box.id, MetricContent: { case: "dm" as const, value: device }, am: [metric] };
    assert.equal((await box.post("metrics", metrics.ZMetricMsgSchema, message)).status, 201);
  });

  for (const version of ["1.32", "1.35"] as const) {
    it(`shows in kubectl ${version} top`, async () => {
      assert.match(await kube(version, "top nodes"), /^box-1\s+2000m\s+50%\s+1024Mi\s+25%/m);
      assert.match(await kube(version, "top pods"), /^web\s+250m\s+48Mi/m);
      assert.match(
        await kube(version, "top pods -A --containers -l app=web"),
        /^default\s+web\s+web\s+250m/m,
      );
      assert.equal(await kube(version, "top pods -l app=other"), "");
      assert.match(await kube(version, "get pods.metrics.k8s.io"), /^web\s+250m\s+49152Ki\s+60s/m);
      const list = JSON.parse(await kube(version, "get --raw /apis/metrics.k8s.io/v1beta1/nodes"));
      assert.deepEqual([list.kind, list.items[0].window], ["NodeMetricsList", "100s"]);
      await assert.rejects(kube(version, "delete nodes.metrics.k8s.io box-1"), /does not allow this method/);
      const name = "v1beta1.metrics.k8s.io";
      assert.match(await kube(version, `get apiservices ${name}`), /^v1beta1\S+\s+Local\s+True\s/m);
      await kube(version, `wait --for=condition=Available --timeout=10s apiservice/${name}`);
      await assert.rejects(kube(version, `delete apiservice ${name}`), /install what brings an APIService/);
    });
  }

  it("shows a node's own log, by source, time and number", async () => {
    const entries = ["engine.control", "engine.app", "kernel"].map((source, index) => ({
      ...{ severity: "info", source, content: `line ${index}`, msgid: index + 1 },
      timestamp: { seconds: 1_767_225_600 + index, nanos: 0 },
    }));
    const gzip = gzipSync(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    const answer = await door.request("newlogs", envelope(box.device, gzip), { node: box.id });
    assert.equal(answer.status, 201);
    const read = (query: string): Promise<string> =>
      kube("1.35", `get --raw /api/v1/nodes/box-1/proxy/logs/${query}`);
    assert.equal(
      await read("?query=engine"),
      "2026-01-01T00:00:00.000000000Z info engine.control: line 0\n" +
        "2026-01-01T00:00:01.000000000Z info engine.app: line 1\n",
    );
    assert.equal(await read("?tailLines=1"), "2026-01-01T00:00:02.000000000Z info kernel: line 2\n");
    assert.match(
      await read("?sinceTime=2026-01-01T00:00:01Z&untilTime=2026-01-01T00:00:01Z"),
      /^\S+ .*line 1\n$/,
    );
    await assert.rejects(read("?tailLines=few"), /tailLines: must be a whole number/);
    await assert.rejects(read("?pattern=x"), /pattern is not offered/);
    await assert.rejects(kube("1.35", "get --raw /api/v1/nodes/none/proxy/logs/"), /"none" not found/);
    await assert.rejects(
      kube("1.35", "get --raw /api/v1/nodes/box-1/proxy/exec"),
      /logs\/.*flows, hardware, state, attestation/,
    );
    // What opens a box is for whoever may write to it.
    await assert.rejects(kube("1.35", "get --raw /api/v1/nodes/box-1/proxy/edgeview"), /MethodNotAllowed/);
    await assert.rejects(
      kube("1.35", "create --raw /api/v1/nodes/box-1/proxy/edgeview -f /dev/null"),
      /has not been told to let anybody look into it/,
    );
    // What a console gives it in our place has that in it.
    const page = "/api/v1/nodes/box-1/proxy";
    await assert.rejects(kube("1.35", `get --raw ${page}/compound-config`), /MethodNotAllowed/);
    const compound = await kube("1.35", `create --raw ${page}/compound-config -f /dev/null`);
    assert.ok(compound.includes("box-1"), "the configuration, as it would be told");
    const escrow = JSON.parse(await kube("1.35", `get --raw ${page}/escrow`)) as Record<string, unknown>;
    assert.deepEqual([escrow["bytes"], escrow["items"]], [0, []]);
    await assert.rejects(
      kube("1.35", `create --raw ${page}/escrow?keep=0 -f /dev/null`),
      /keep: must be a whole number, 1 or more/,
    );
  });

  it("lets a box and a person meet at the device port by the token of an EdgeNode, and nobody else", async () => {
    const dispatcher = `127.0.0.1:${controller.devicePort}/edge-view`;
    const remoteAccess = { dispatcher, expires: "2100-01-01T00:00:00Z", allow: ["Device"] };
    const wish = JSON.stringify({ spec: { remoteAccess } });
    await kube("1.35", `patch edgenode box-1 --type merge -p ${wish}`);
    const raw = "create --raw /api/v1/nodes/box-1/proxy/edgeview -f /dev/null";
    const token = await waitFor(
      "a token",
      async () =>
        kube("1.35", raw).then(
          (text) => (JSON.parse(text) as { token: string }).token,
          () => undefined,
        ),
      patience,
    );
    const session = createHash("sha256").update(token).digest("base64url");
    const dial = (name: string, host: string): WebSocket =>
      new WebSocket(`wss://${dispatcher}`, {
        headers: { "x-session-token": name, "x-hostname": host },
        ca: controller.rootCertificate,
      });
    const stranger = dial(token, "laptop");
    const [error] = (await once(stranger, "error")) as [Error];
    assert.match(error.message, /404/);
    const boxEnd = dial(session, "box-1-EV-server");
    const heard = on(boxEnd, "message");
    const next = async (): Promise<string> => String((await heard.next()).value?.[0]);
    assert.equal(await next(), "YourEndPointIPAddr:127.0.0.1");
    assert.match(await next(), /no device online/);
    const person = dial(session, "laptop");
    await once(person, "message");
    person.send("hw");
    assert.equal(await next(), "hw");
    for (const end of [boxEnd, person]) end.terminate();
  });

  it("shows a node's last word on everything it has, or of one kind", async () => {
    const value = { uuid: "7f6b5a9c-0000-4000-8000-000000000001", displayName: "data", state: 15 as const };
    const message = { ztype: info.ZInfoTypes.ZiVolume, devId: box.id };
    const content = { InfoContent: { case: "vinfo" as const, value } };
    assert.equal((await box.post("info", info.ZInfoMsgSchema, { ...message, ...content })).status, 201);
    const read = async (path: string): Promise<unknown> =>
      JSON.parse(await kube("1.35", `get --raw /api/v1/nodes/box-1/proxy/${path}`));
    const { items } = (await read("state?type=volume")) as { items: { id: string; object: object }[] };
    assert.deepEqual(
      items.map(({ id }) => id),
      [value.uuid],
    );
    assert.deepEqual(await read("state?type=patch-envelope"), { items: [] });
    await assert.rejects(read("attestation"), /has not proved what it runs yet/);
  });

  it("shows flows and hardware, and says what is broken", async () => {
    const flow = {
      scope: { uuid: app, netInstUUID: "n" },
      flows: [
        {
          flow: { src: "10.77.0.10", srcPort: 4711, dest: "192.0.2.1", destPort: 443, protocol: 6 },
          ...{ txBytes: 100n, rxBytes: 2000n, action: flowlog.ACLAction.ActionAccept, aclName: "out" },
        },
      ],
      dnsReqs: [{ hostName: "example.com", addrs: ["192.0.2.1"] }],
    };
    assert.equal((await box.post("flowlog", flowlog.FlowMessageSchema, flow)).status, 201);
    const flows = JSON.parse(await kube("1.32", "get --raw /api/v1/nodes/box-1/proxy/flows"));
    assert.deepEqual(
      flows.items.map(({ type, destination, name, action }: Record<string, string>) => [
        type,
        destination ?? name,
        action,
      ]),
      [
        ["flow", "192.0.2.1:443", "accept"],
        ["dns", "example.com", undefined],
      ],
    );
    const raw = "get --raw /api/v1/nodes/box-1/proxy/hardware";
    await assert.rejects(kube("1.32", raw), /has not reported on its hardware yet/);
    const health = {
      disks: [{ diskName: "sda", smartAttr: [{ attributeName: "Reallocated", value: 1n, thresh: 10n }] }],
    };
    const sent = await box.post("hardwarehealth", hardwareHealth.ZHardwareHealthSchema, health);
    assert.equal(sent.status, 200);
    assert.equal(JSON.parse(await kube("1.32", raw)).disks[0].diskName, "sda");
    const path = '{.status.conditions[?(@.type=="HardwareHealthy")].message}';
    assert.match(await kube("1.32", `get edgenode box-1 -o jsonpath=${path}`), /sda: Reallocated/);
  });

  it("is counted at /metrics", async () => {
    const text = await kube("1.32", "get --raw /metrics");
    for (const line of [
      /^apiserver_request_total\{verb="list",group="metrics.k8s.io",resource="nodes",.*code="200"\} \d+$/m,
      /^apiserver_request_duration_seconds_bucket\{verb="create",group="",resource="pods",le="\+Inf"\} 1$/m,
      /^apiserver_storage_writes_total\{outcome="written"\} \d+$/m,
      /^selvedge_gateway_requests_total\{endpoint="metrics",code="201"\} 1$/m,
      /^selvedge_gateway_polls_total\{proof="verified",code="200"\} \d+$/m,
      /^selvedge_nodes\{phase="Ready"\} 1$/m,
      /^selvedge_node_cpu_cores\{node="box-1"\} 2$/m,
      /^selvedge_node_modem_rsrp_dbm\{node="box-1",port="lte"\} -101$/m,
      /^selvedge_node_modem_bytes_total\{node="box-1",port="lte",direction="sent"\} 5$/m,
      /^selvedge_app_memory_bytes\{node="box-1",namespace="default",pod="web"\} 67108864$/m,
    ]) {
      assert.ok(line.test(text), String(line));
    }
    const told = await readFile(new URL("../../../docs/metrics.md", import.meta.url), "utf8");
    const names = [...text.matchAll(/^# HELP (\S+)/gm)].map(([, name = ""]) => name);
    // Kubernetes' own and the process's are told as families.
    const own = names.filter((name) => name.startsWith("selvedge_"));
    assert.deepEqual([own.length > 20, own.filter((name) => !told.includes(`\`${name}\``))], [true, []]);
  });

  it("is whole on a node's own page", async () => {
    const text = await kube("1.35", "get --raw /api/v1/nodes/box-1/proxy/metrics");
    assert.match(
      text,
      /^# TYPE selvedge_node_uptime_seconds gauge\nselvedge_node_uptime_seconds\{node="box-1"\} 100$/m,
    );
    assert.match(text, /^selvedge_app_container_memory_bytes\{.*,pod="web",container="web"\} 50331648$/m);
    assert.doesNotMatch(text, /selvedge_gateway/);
  });

  it("reaches a collector, once it listens", async () => {
    await waitFor("a second attempt", async () => (collector.refused > 1 ? true : undefined), patience);
    collector.status = 200;
    const logs = await waitFor(
      "logs",
      async () => collector.taken.find(({ path }) => path === "/v1/logs"),
      patience,
    );
    const [resource] = JSON.parse(logs.text).resourceLogs;
    const names = resource.resource.attributes.map(
      ({ value }: { value: { stringValue: string } }) => value.stringValue,
    );
    assert.deepEqual(names, ["selvedge-engine", "box-1", box.id]);
    assert.equal(resource.scopeLogs[0].logRecords[0].body.stringValue, "line 0");
  });
});
