/**
 * The controller as a process: kubectl on one side, a scripted device on the other, everything between
 * real.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { LinkClosedError, type LinkStream, linkPath } from "@selvedge/eve-api";
import { kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { waitFor } from "../../harness/src/real/wait.ts";
import type { Pair } from "../src/pki/issue.ts";
import { ControllerProcess } from "./controller-process.ts";
import { type Box, envelope, selfSigned } from "./node-world.ts";
import {
  DeviceDoor,
  type DeviceLink,
  dialLink,
  enrolledDevice,
  reportDevice,
  reportRunning,
  takeConfig,
} from "./scripted-device.ts";

/** Seconds: what has not come by then does not come before the test is ended either. */
const patience = 30;
const controller = new ControllerProcess();
let onboarding: Pair;
let door: DeviceDoor;

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function kube(words: readonly string[], input?: string): Promise<Ended> {
  const binary = (await kubectl()) ?? "";
  return await new Promise((resolve) => {
    const child = execFile(
      binary,
      ["--kubeconfig", controller.kubeconfig, "--cache-dir", controller.folder, ...words],
      { timeout: 60_000 },
      (error, out, err) =>
        resolve({ code: typeof error?.code === "number" ? error.code : error ? -1 : 0, out, err }),
    );
    child.stdin?.end(input ?? "");
  });
}

async function ok(words: string, input?: string): Promise<string> {
  const { code, out, err } = await kube(words.split(" "), input);
  assert.equal(code, 0, `kubectl ${words}: ${err}`);
  return out;
}

const daemonSet = {
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: { name: "echo", namespace: "default" },
  spec: {
    selector: { matchLabels: { app: "echo" } },
    template: {
      metadata: { labels: { app: "echo" } },
      spec: { containers: [{ name: "main", image: "registry.example/echo:1", command: ["/bin/echo"] }] },
    },
  },
};

describe("a controller with one device", { skip: await kubectlMissing(), timeout: 60_000 }, () => {
  let box: Box;
  let link: DeviceLink;
  let app = "";
  let opened: LinkStream | undefined;

  before(async () => {
    await controller.start();
    door = new DeviceDoor(controller.devicePort, controller.rootCertificate);
    onboarding = await selfSigned("fitter");
  });

  after(async () => {
    link?.mux.close();
    door?.agent.destroy();
    await controller[Symbol.asyncDispose]();
  });

  /** A device's side of streams: exec echoes its input upper-case and exits 7; logs are two lines. */
  function answer(stream: LinkStream): void {
    opened = stream;
    const { what, appId } = stream.open;
    if (appId !== app) throw new LinkClosedError(`there is no app ${appId}`, "NotFound");
    if (what.case === "logs") {
      void stream.write(1, Buffer.from("from the node\n")).then(() => stream.reset());
      return;
    }
    if (what.case === "port") {
      stream.onData(async (_channel, bytes) => await stream.write(1, bytes));
      stream.onEnd(() => stream.end(1));
      return;
    }
    stream.onData(async (_channel, bytes) => {
      await stream.write(1, Buffer.from(Buffer.from(bytes).toString().toUpperCase()));
    });
    stream.onEnd(() => stream.exit(7));
  }

  it("admits a box by its profile, and shows it", async () => {
    const profile = {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EnrollmentProfile", metadata: { name: "shops" } },
      spec: {
        ...{ onboardingCertificate: onboarding.certificatePem, serials: ["box-*"], approve: "Automatic" },
        ...{ nodeName: "{serial}", labels: { tier: "shop" } },
      },
    };
    await ok("apply -f -", JSON.stringify(profile));
    box = await enrolledDevice(door, onboarding, "box-1");
    assert.notEqual(box.id, "");
    const first = await waitFor("a configuration", () => takeConfig(box), patience);
    assert.equal(await reportDevice(box, first.hash, []), 201);
    await ok("wait --for=condition=Ready node/box-1 --timeout=30s");
    assert.match(await ok("get node box-1 --show-labels"), /tier=shop/);
  });

  it("sends the Pod of a DaemonSet to the box, and pushes that it did", async () => {
    link = await dialLink(door, box, answer);
    await ok("apply -f -", JSON.stringify(daemonSet));
    const pushed = await waitFor("a push", async () => link.changes.at(-1), patience);
    const taken = await waitFor(
      "the Pod",
      async () => {
        const found = await takeConfig(box);
        return found !== undefined && found.config.apps.length > 0 ? found : undefined;
      },
      patience,
    );
    assert.ok(pushed !== "");
    const [instance] = taken.config.apps;
    app = instance?.uuidandversion?.uuid ?? "";
    assert.match(instance?.displayname ?? "", /^default\/echo-/);
    const version = instance?.uuidandversion?.version ?? "";
    assert.equal(await reportDevice(box, taken.hash, [app]), 201);
    assert.equal(await reportRunning(box, app, version, "main"), 201);
    await ok("rollout status daemonset/echo --timeout=30s");
    assert.match(await ok("get pods -o wide"), /1\/1\s+Running\s+0\s+\S+\s+10\.77\.0\.10\s+box-1/);
    assert.equal(await takeConfig(box, taken.hash), undefined);
  });

  it("carries exec, logs and port-forward over the link", async () => {
    const exec = await kube(["exec", "-i", "daemonset/echo", "--", "shout"], "hello\n");
    assert.deepEqual({ code: exec.code, out: exec.out }, { code: 7, out: "HELLO\n" }, exec.err);
    assert.equal(opened?.open.what.case, "exec");
    assert.equal(await ok("logs daemonset/echo"), "from the node\n");
  });

  it("ends streams with the client, and refuses more than the node should carry", async () => {
    const pod = (await ok("get pods -o name")).trim();
    const child = execFile((await kubectl()) ?? "", [
      ...["--kubeconfig", controller.kubeconfig, "exec", "-i", pod, "--", "wait"],
    ]);
    opened = undefined;
    const stream = await waitFor("a stream", async () => opened, patience);
    child.kill();
    assert.equal(await stream.closed, undefined);
  });

  it("shows what was uploaded when the node has no link", async () => {
    link.mux.close();
    const line = { severity: "info", source: app, iid: "main", content: "uploaded", msgid: 1 };
    const timestamp = { seconds: Math.floor(Date.now() / 1000), nanos: 5 };
    const gzip = gzipSync(`${JSON.stringify({ ...line, timestamp })}\n`);
    const body = envelope(box.device, gzip);
    assert.equal((await door.request("appNewlogs", body, { node: box.id, app })).status, 201);
    assert.equal((await door.request("appNewlogs", body, { node: box.id, app })).status, 201);
    await waitFor(
      "the uploaded line",
      async () => ((await ok("logs daemonset/echo")) === "uploaded\n" ? true : undefined),
      patience,
    );
    const exec = await kube(["exec", "daemonset/echo", "--", "x"]);
    assert.match(exec.err, /node "box-1" has no link since 20\S+Z .*its apps go on/);
  });

  it("refuses hostile requests without falling over", async () => {
    const statuses = [
      await door.send("POST", "/api/v2/edgedevice/register", Buffer.alloc(100_000)),
      await door.send("POST", `/api/v2/edgedevice/id/${box.id}/config`, Buffer.alloc(200)),
      await door.send("GET", "/../../etc/passwd", Buffer.alloc(0)),
      await door.send("GET", linkPath(box.id), Buffer.alloc(0)),
      await door.send("GET", "/v2/_catalog", Buffer.alloc(0)),
    ].map(({ status }) => status);
    assert.deepEqual(statuses, [413, 400, 404, 404, 401]);
    assert.ok((await takeConfig(box)) !== undefined);
  });

  it("forgets nothing that it acknowledged when it is killed", async () => {
    const before = await waitFor("a configuration", () => takeConfig(box), patience);
    await controller.stop("SIGKILL");
    door.agent.destroy();
    await controller.start();
    door = new DeviceDoor(controller.devicePort, controller.rootCertificate);
    Object.assign(box, { world: door });
    const again = await waitFor("a configuration", () => takeConfig(box), patience);
    assert.equal(again.hash, before.hash);
    assert.match(await ok("get pods"), /1\/1\s+Running/);
    assert.equal(await ok("logs daemonset/echo"), "uploaded\n");
  });

  it("lets nobody else into its folder, and stops when asked", async () => {
    const second = new ControllerProcess();
    Object.assign(second, { folder: controller.folder });
    await assert.rejects(second.start(), /another controller is running in/);
    assert.equal(await controller.stop(), 0);
    assert.match(controller.log.join(""), /"message":"stopped"/);
  });
});
