/** The screen of a Pod on a box of EVE, from a viewer through kubectl, the controller and the box's tunnel to guacd. */

import assert from "node:assert/strict";
import { type ChildProcess, execFile } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import type { WebSocket } from "ws";
import { kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { waitFor } from "../../harness/src/real/wait.ts";
import { ControllerProcess } from "./controller-process.ts";
import { type Box, selfSigned } from "./node-world.ts";
import {
  dialStatus,
  forwardScreen,
  Guacd,
  holdTunnel,
  reportAsEve,
  type TunnelOptions,
  view,
} from "./screen-box.ts";
import { DeviceDoor, enrolledDevice, takeConfig } from "./scripted-device.ts";

const controller = new ControllerProcess();

async function flags(): Promise<readonly [string, string[]]> {
  const binary = (await kubectl()) ?? "";
  return [binary, ["--kubeconfig", controller.kubeconfig, "--cache-dir", controller.folder]];
}

async function kube(words: string, input = ""): Promise<string> {
  const [binary, own] = await flags();
  return await new Promise((resolve, reject) => {
    const child = execFile(binary, [...own, ...words.split(" ")], { timeout: 60_000 }, (error, out, err) =>
      error === null ? resolve(out) : reject(new Error(`kubectl ${words}: ${err}`)),
    );
    child.stdin?.end(input);
  });
}

const pod = {
  ...{ apiVersion: "v1", kind: "Pod" },
  metadata: { name: "till", annotations: { "selvedge.dev/screen": "true" } },
  spec: { nodeName: "eve-1", containers: [{ name: "main", image: "registry.example/till:1" }] },
};

describe("screens of a box that runs EVE", { skip: await kubectlMissing(), timeout: 120_000 }, () => {
  const guacd = new Guacd();
  let door: DeviceDoor;
  let box: Box;
  let other: Box;
  let guacdPort = 0;
  let forwarding: ChildProcess | undefined;
  let viewerPort = 0;
  let tunnel: WebSocket | undefined;

  const as = (shown: Box | undefined, named = box): TunnelOptions => ({
    ...{ port: controller.devicePort, ca: controller.rootCertificate, node: named.id },
    ...(shown && { cert: shown.device.certificatePem, key: shown.device.keyPem }),
  });

  before(async () => {
    guacdPort = await guacd.listen();
    await controller.start();
    door = new DeviceDoor(controller.devicePort, controller.rootCertificate);
    const onboarding = await selfSigned("fitter");
    const profile = {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EnrollmentProfile", metadata: { name: "shops" } },
      spec: { onboardingCertificate: onboarding.certificatePem, approve: "Automatic" },
    };
    await kube("apply -f -", JSON.stringify(profile));
    box = await enrolledDevice(door, onboarding, "eve-1");
    other = await enrolledDevice(door, onboarding, "eve-2");
    await waitFor("a configuration", () => takeConfig(box));
    await reportAsEve(box);
    await kube("wait --for=condition=Ready node/eve-1 --timeout=30s");
  });

  after(async () => {
    forwarding?.kill("SIGKILL");
    tunnel?.terminate();
    door?.agent.destroy();
    await controller[Symbol.asyncDispose]();
    await guacd[Symbol.asyncDispose]();
  });

  it("have no tunnel before a Pod wants one: its client dials no more", async () => {
    assert.equal(await dialStatus(as(box), "ping"), 404);
    assert.equal(await dialStatus(as(box), "tunnel"), 404);
  });

  it("are part of the machine that the box is told to start", async () => {
    await kube("apply -f -", JSON.stringify(pod));
    const app = await waitFor("the app", async () => (await takeConfig(box))?.config.apps[0]);
    const { enableVnc, vncDisplay } = app.fixedresources ?? {};
    assert.deepEqual([app.remoteConsole, enableVnc, vncDisplay], [true, true, 1]);
    await reportAsEve(box, app.uuidandversion?.uuid);
    await kube("wait --for=jsonpath={.status.phase}=Running pod/till --timeout=30s");
  });

  it("are led to by the box itself, by the certificate that it is known by, and by nobody else", async () => {
    // A plain answer: a WebSocket would be none to its client.
    assert.equal(await dialStatus(as(box), "ping"), 200);
    for (const path of ["ping", "tunnel"] as const) {
      assert.equal(await dialStatus(as(undefined), path), 401);
      assert.equal(await dialStatus(as(other), path), 403);
      assert.equal(await dialStatus(as(other, other), path), 404, "that one has no screen");
    }
    const { certificatePem: cert, keyPem: key } = await selfSigned("stranger");
    assert.equal(await dialStatus({ ...as(undefined), cert, key }, "tunnel"), 401);
    const status = "get edgenode eve-1 -o jsonpath={.status.refused}";
    await waitFor("its identity", async () => (/"identity"/.test(await kube(status)) ? true : undefined));
    tunnel = await holdTunnel(as(box), guacdPort);
  });

  it("are seen by whoever may forward ports of the Pod, with a stock viewer", async () => {
    const [binary, own] = await flags();
    const forwarded = await forwardScreen(binary, [...own, "port-forward", "pod/till"]);
    ({ child: forwarding, port: viewerPort } = forwarded);
    const viewer = await view(viewerPort);
    assert.deepEqual(guacd.connects, [["127.0.0.1", "5901", "true", "secret", ""]]);
    // A screen's worth, both ways.
    const picture = Buffer.alloc(3_000_000, "4.blob,9.abcdefghi;");
    let got = 0;
    viewer.on("data", (part: Buffer) => {
      assert.ok(part.equals(picture.subarray(got, got + part.length)));
      got += part.length;
    });
    viewer.write(picture);
    await waitFor("the picture", async () => (got === picture.length ? true : undefined));
    const gone = once(tunnel ?? assert.fail(), "close");
    viewer.destroy();
    await gone;
    await waitFor("guacd to be left", async () => (guacd.ended === 1 ? true : undefined));
  });

  it("are seen again as soon as the box has dialled anew", async () => {
    const viewer = connect(viewerPort, "127.0.0.1");
    viewer.write("6.select,3.vnc;");
    const answered = once(viewer, "data");
    tunnel = await holdTunnel(as(box), guacdPort);
    await answered;
    const gone = once(tunnel, "close");
    viewer.destroy();
    await gone;
    tunnel = await holdTunnel(as(box), guacdPort);
    const second = await view(viewerPort);
    second.destroy();
    await once(tunnel, "close");
  });

  it("are not led to by a box that says what no client of EVE's says", async () => {
    for (const frame of ["unasked", "", "zzzzdata", Buffer.alloc(600_000)]) {
      const hostile = await holdTunnel(as(box), guacdPort);
      const ended = once(hostile, "close");
      hostile.send(Buffer.from(frame));
      await ended;
    }
  });

  it("need the right to forward ports, and end with the Pod", async () => {
    await kube("create clusterrolebinding looks --clusterrole=view --user=somebody");
    const denied = /cannot create resource "pods\/portforward"/;
    await assert.rejects(kube("port-forward pod/till :4822 --as=somebody"), denied);
    tunnel = await holdTunnel(as(box), guacdPort);
    const gone = once(tunnel, "close");
    await kube("delete pod till --force --grace-period=0");
    await gone;
    assert.equal(await dialStatus(as(box), "tunnel"), 404);
  });
});
