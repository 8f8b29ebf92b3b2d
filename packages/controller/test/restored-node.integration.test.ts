/** What a node is given by a controller that was restored from a backup: nothing older, and no work for nothing. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { config } from "@selvedge/eve-api";
import {
  type EdgeNode,
  type EnrollmentProfile,
  edgeNodeKind,
  enrollmentProfileKind,
  type Pod,
  podKind,
} from "@selvedge/kinds";
import { KubeClient } from "../../harness/src/real/kube-client.ts";
import { ControllerProcess } from "./controller-process.ts";
import { type Box, selfSigned } from "./node-world.ts";
import { DeviceDoor, enrolledDevice, takeConfig } from "./scripted-device.ts";

const main = join(import.meta.dirname, "../src/main.ts");
const image = (tag: string): string => `registry.example/web:${tag}`;

interface Taken {
  readonly hash: string;
  readonly config: config.EdgeDevConfig;
}

const timeOf = ({ config: { configTimestamp: time } }: Taken): number => (time ? timestampMs(time) : 0);
const imageOf = ({ config: { contentInfo } }: Taken): string | undefined => contentInfo[0]?.displayName;
const rebootsOf = ({ config: { reboot } }: Taken): number | undefined => reboot?.counter;
const epochOf = ({ config: { controllerEpoch } }: Taken): bigint => controllerEpoch;
/** All but when, and in which life of the controller. */
const wantedBy = ({ config: { configTimestamp: _, controllerEpoch: __, ...rest } }: Taken): unknown => rest;
const countersOf = ({ config: { apps } }: Taken): unknown =>
  apps.map(({ purge, restart }) => [purge?.counter, restart?.counter]);

/** A node that polls. */
class Node {
  readonly name: string;
  readonly #box: Box;
  /** Everything it was given, in order. */
  readonly given: Taken[] = [];

  constructor(name: string, box: Box) {
    this.name = name;
    this.#box = box;
  }

  get has(): Taken | undefined {
    return this.given.at(-1);
  }

  async pollStatus(): Promise<number> {
    return (await this.#box.poll(this.has?.hash ?? "")).status;
  }

  /** Asks until there is something new. */
  async next(): Promise<Taken> {
    for (const before = this.given.length; this.given.length === before; ) await this.#take();
    return this.has as Taken;
  }

  /** Asks until what it has been given is such a one. */
  async until(isIt: (taken: Taken) => boolean): Promise<Taken> {
    while (this.has === undefined || !isIt(this.has)) await this.next();
    return this.has;
  }

  async #take(): Promise<void> {
    const taken = await takeConfig(this.#box, this.has?.hash);
    if (taken === undefined) return void (await wait(20));
    assert.ok(this.has === undefined || timeOf(taken) >= timeOf(this.has), "older than what it has");
    this.given.push(taken);
  }
}

describe("nodes of a restored controller", { timeout: 60_000 }, () => {
  const controller = new ControllerProcess();
  let door: DeviceDoor;
  let client: KubeClient;

  before(async () => {
    await controller.start();
    door = new DeviceDoor(controller.devicePort, controller.rootCertificate);
    client = await KubeClient.open(controller.kubeconfig);
  });

  after(async () => {
    door?.agent.destroy();
    client?.[Symbol.dispose]();
    await controller[Symbol.asyncDispose]();
  });

  async function deploy(node: Node, tag: string): Promise<Taken> {
    await client.apply<Pod>(podKind, {
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name: node.name, namespace: "default" } },
      spec: { nodeName: node.name, containers: [{ name: "main", image: image(tag) }] },
    });
    // Commands come once it has taken one without.
    return await node.until((taken) => imageOf(taken) === image(tag) && rebootsOf(taken) !== undefined);
  }

  it("are given what was wanted then, nothing older than they have, and nothing to do for nothing", async () => {
    const onboarding = await selfSigned("fitter");
    await client.create<EnrollmentProfile>(enrollmentProfileKind, {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EnrollmentProfile", metadata: { name: "shops" } },
      spec: {
        ...{ onboardingCertificate: onboarding.certificatePem, serials: ["box-*"], approve: "Automatic" },
        nodeName: "{serial}",
      },
    });
    const enrolled = async (name: string): Promise<Node> =>
      new Node(name, await enrolledDevice(door, onboarding, name));
    const [ahead, back] = [await enrolled("box-1"), await enrolled("box-2")];
    const [first] = [await deploy(ahead, "1"), await deploy(back, "1")];

    const archive = join(controller.folder, "backup.gz");
    const where = ["--data", controller.folder];
    await promisify(execFile)(process.execPath, [main, "backup", ...where, "--output", archive]);
    // The future that the copy does not know: one goes on, one comes back to what it had.
    await deploy(ahead, "2");
    await client.patch<EdgeNode>(edgeNodeKind, ahead.name, undefined, "merge", {
      spec: { commands: { reboot: 1 } },
    } as never);
    const second = await ahead.until((taken) => rebootsOf(taken) === 1);
    await deploy(back, "2");
    const again = await deploy(back, "1");
    await controller.stop();
    await promisify(execFile)(process.execPath, [main, "restore", ...where, "--input", archive]);
    await controller.start();

    const restored = await ahead.until((taken) => imageOf(taken) === image("1"));
    assert.ok(timeOf(restored) > timeOf(second), "a device would drop it");
    assert.deepEqual(countersOf(restored), countersOf(first));
    assert.notDeepEqual(countersOf(restored), countersOf(second), "another image needs a purge to be taken");
    // It has forgotten what it was told to do since, and takes what it is told now for known.
    assert.deepEqual([second, restored].map(rebootsOf), [1, undefined]);
    const settled = await ahead.next();
    assert.deepEqual([wantedBy(settled), rebootsOf(settled)], [wantedBy(first), 0]);
    // What it has said since the backup is lost: only another epoch makes it say it again.
    assert.deepEqual([first, second].map(epochOf), [0n, 0n]);
    assert.ok(epochOf(restored) > 0n);
    assert.equal(epochOf(settled), epochOf(restored), "once");

    const same = [await back.next(), await back.next()];
    assert.deepEqual(same.map(countersOf), [countersOf(again), countersOf(again)]);
    assert.deepEqual([...same, again].map(rebootsOf), [undefined, 0, 0]);
    assert.deepEqual(same[1] && wantedBy(same[1]), wantedBy(again), "it has again what it had");
    assert.equal(await back.pollStatus(), 304);
  });
});
