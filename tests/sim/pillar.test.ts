/**
 * A day in the life of boxes with EVE on them, under our controller, with what happens in a day: bad lines,
 * restarts on both ends, changes. The boxes are strict (packages/harness/src/pillar): whatever EVE's agent
 * would drop, misread, wait for in vain or crash on ends the test.
 */
import assert from "node:assert/strict";
import type { KubeObject } from "@selvedge/apimachinery";
import { hours, millis, minutes, seconds } from "@selvedge/base";
import { info } from "@selvedge/eve-api";
import { configMapKind, edgeNodeKind, podKind } from "@selvedge/kinds";
import { daemonSet, PillarDevice, registryHost, type World } from "../../packages/harness/src/index.ts";
import { missingTag } from "../../packages/harness/src/pillar/pillar-apps.ts";
import { makeKeyPair } from "../../packages/harness/src/pillar/pillar-keys.ts";
import { worldsOf } from "./seeds.ts";

const { describe, inWorlds } = worldsOf(import.meta.filename);

interface Templated {
  readonly spec: { readonly template: { readonly spec: { readonly containers: { env?: unknown[] }[] } } };
}

/** Boxes that are switched on and have an app; the second has no TPM. */
async function boxes(world: World): Promise<PillarDevice[]> {
  const onboarding = await makeKeyPair("fitter", world.clock.now());
  await world.apply({
    apiVersion: "selvedge.dev/v1alpha1",
    kind: "EnrollmentProfile",
    metadata: { name: "boxes" },
    spec: {
      onboardingCertificate: onboarding.pem,
      serials: ["box-*"],
      approve: "Automatic",
      nodeName: "{serial}",
    },
  } as unknown as KubeObject);
  const made: PillarDevice[] = [];
  for (const [name, hasTpm] of [["box-1", true] as const, ["box-2", false] as const]) {
    made.push(await PillarDevice.make({ world, name, onboarding, hasTpm }));
  }
  for (const box of made) box.powerOn();
  await world.apply(daemonSet("web"));
  await running(world, made, "1");
  return made;
}

/** Until each box runs this version of the app and nothing else, and its Pod says so. */
async function running(world: World, made: readonly PillarDevice[], tag: string): Promise<void> {
  await world.until(
    `version ${tag} on every box`,
    async () => {
      if (made.some(({ faults }) => faults.length > 0)) return true;
      const pods = await world.list<KubeObject & Shape>(podKind);
      return made.every(({ name, isOn, agent }) => {
        const own = pods.filter(({ spec }) => spec.nodeName === name);
        const isReady = own[0]?.status?.conditions?.some(
          ({ type, status }) => type === "Ready" && status === "True",
        );
        const image = own[0]?.spec.containers[0]?.image;
        const states = isOn ? [...agent.apps.states().values()] : [];
        return (
          own.length === 1 &&
          isReady &&
          image?.endsWith(`:${tag}`) &&
          states.join() === `${info.ZSwState.RUNNING}`
        );
      });
    },
    hours(2),
  );
  content(made);
}

interface Shape {
  readonly spec: { readonly nodeName?: string; readonly containers: readonly { readonly image: string }[] };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

interface EdgeNodeShape {
  readonly status?: {
    readonly system?: { readonly version?: string };
    readonly location?: { readonly latitude: string };
    readonly configHash?: { readonly rendered?: string; readonly applied?: string };
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** What was answered since the last look, beyond "taken", "unchanged" and "not proved yet". */
function refused(made: readonly PillarDevice[]): string[] {
  return made.flatMap((box) => {
    const bad = [...box.counted()].filter(([what]) => !/ (20[014]|304)$/.test(what));
    box.answers.clear();
    return bad.map(([what, count]) => `${box.name}: ${what} ${count} times`);
  });
}

async function edit(world: World, kind: typeof edgeNodeKind, name: string, change: object): Promise<void> {
  const namespace = kind === configMapKind ? "kube-system" : undefined;
  await world.objects.patch(kind, name, namespace, "merge", change as KubeObject, {});
}

function listHash(box: PillarDevice | undefined): string {
  return box?.agent.current?.controllercertConfighash ?? "";
}

function content(made: readonly PillarDevice[]): void {
  assert.deepEqual(
    made.flatMap(({ faults }) => faults),
    [],
  );
}

describe("boxes with EVE", () => {
  inWorlds(
    "a day with faults",
    async (world) => {
      const made = await boxes(world);
      const [tpm, soft] = made as [PillarDevice, PillarDevice];
      Object.assign(world.network.faults, { answerLost: 0.02, bodyReset: 0.01, refused: 0.02 });
      const some = (span: number): ReturnType<typeof millis> => millis(world.random.next() * span);
      await world.live(some(hours(2)));
      await world.killController({ down: minutes(world.random.next() * 20) });
      await world.live(hours(2));
      await world.apply(daemonSet("web", { tag: "2" }));
      await running(world, made, "2");
      tpm.reboot();
      await world.live(some(hours(2)));
      world.network.cut(soft.name);
      await world.live(hours(3));
      world.network.heal(soft.name);
      tpm.update("14.6.0");
      await world.live(some(hours(2)));
      soft.powerCut(minutes(30));
      await world.apply(daemonSet("web", { tag: "1" }));
      await running(world, made, "1");
      world.network.faults.refused = 0.3;
      await world.live(hours(4));
      world.network.faults.refused = 0.02;
      await world.killController({ down: seconds(5) });
      await world.live(millis(hours(24) - (world.clock.monotonic() % hours(24))));
      Object.assign(world.network.faults, { answerLost: 0, bodyReset: 0, refused: 0 });
      await world.live(hours(1));
      await running(world, made, "1");
      assert.equal(tpm.disk.vault.escrowed, true, "the vault's key is kept");
      const nodes = await world.list<KubeObject & EdgeNodeShape>(edgeNodeKind);
      const shown = nodes.find(({ metadata }) => metadata.name === tpm.name)?.status;
      assert.equal(shown?.system?.version, "14.6.0");
      assert.equal(shown?.location?.latitude, "48.1000");
      assert.equal(shown?.conditions?.find(({ type }) => type === "Attested")?.status, "True");
      assert.equal(shown?.configHash?.applied, shown?.configHash?.rendered, "it runs on the newest");
      for (const { agent, name, disk } of made) {
        assert.equal(agent.queue.size, 0, `${name}: nothing waits to be said`);
        assert.ok(disk.logs.length < 5, `${name}: ${disk.logs.length} files of logs wait`);
        assert.equal(agent.attest.isComplete, true, `${name}: attested`);
      }
    },
    { nodes: 0, seeds: 1 },
  );

  inWorlds(
    "new certificates while everybody talks",
    async (world) => {
      const made = await boxes(world);
      for (const { name } of made) {
        await edit(world, edgeNodeKind, name, { spec: { settings: { "timer.config.interval": "5" } } });
      }
      // Its image lies where a node needs a password: a secret in every configuration.
      await world.apply(daemonSet("web", { image: "selvedge.internal/app:2" }));
      await running(world, made, "2");
      for (const box of made) assert.ok(box.agent.current?.datastores.some(({ cipherData }) => cipherData));
      refused(made);
      const hashes = new Set([listHash(made[0])]);
      for (let round = 0; round < 3; round++) {
        await world.live(minutes(world.random.next() * 10));
        const annotations = { "selvedge.dev/rotate": `round ${round}` };
        await edit(world, configMapKind, "controller-certificates", { metadata: { annotations } });
        await world.until("every box to have heard of it", async () =>
          made.every((box) => !hashes.has(listHash(box))),
        );
        hashes.add(listHash(made[0]));
        await world.apply(daemonSet("web", { image: "selvedge.internal/app:2", program: [`${round}`] }));
        await running(world, made, "2");
        assert.deepEqual(refused(made), [], "nothing was refused");
      }
      assert.equal(hashes.size, 4);
      made[0]?.reboot();
      await world.live(minutes(10));
      await running(world, made, "2");
    },
    { nodes: 0, seeds: 3 },
  );

  inWorlds(
    "links, devices, authorities, secrets and files for apps are as a device wants them",
    async (world) => {
      const made = await boxes(world);
      const [box] = made as [PillarDevice];
      await world.apply({
        ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "till", namespace: "default" } },
        data: { password: Buffer.from("s3cret").toString("base64") },
      } as unknown as KubeObject);
      await world.apply({
        ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "prices", namespace: "default" } },
        data: { csv: "apple,1" },
      } as unknown as KubeObject);
      await world.apply({
        ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "PatchEnvelope" },
        metadata: { name: "till", namespace: "default" },
        spec: {
          selector: {},
          files: [
            { name: "prices.csv", configMapKeyRef: { name: "prices", key: "csv" } },
            { name: "token", secretKeyRef: { name: "till", key: "password" } },
            { name: "model", image: `${registryHost}/app:1` },
          ],
        },
      } as unknown as KubeObject);
      await edit(world, edgeNodeKind, box.name, {
        spec: {
          ports: [
            { name: "eth0", authentication: { scepProfile: "plant", identity: "box" } },
            { name: "pair", bond: { cards: ["eth1", "eth2"] } },
            { name: "plant", vlan: { parent: "pair", id: 7 }, uplink: false },
          ],
          devices: [{ name: "scale", usbProduct: "0bda:5411" }],
          scepProfiles: [
            {
              ...{ name: "plant", url: "https://ca.test/scep", request: { commonName: "box" } },
              challengeRef: { name: "till", namespace: "default" },
            },
          ],
          remoteAccess: { dispatcher: "ev.test:443", expires: "2100-01-01T00:00:00Z", allow: ["Device"] },
        },
      });
      const set = daemonSet("web", { tag: "2" }) as unknown as Templated;
      const [container] = set.spec.template.spec.containers;
      const from = { secretKeyRef: { name: "till", key: "password" } };
      if (container !== undefined) container.env = [{ name: "PASSWORD", valueFrom: from }];
      await world.apply(set as unknown as KubeObject);
      await running(world, made, "2");
      const { current } = box.agent;
      assert.deepEqual(
        [current?.bonds.length, current?.vlans.length, current?.pnacs.length, current?.deviceIoList.length],
        [1, 1, 1, 4],
      );
      assert.ok(current?.scepProfiles[0]?.scepChallengePassword && current.edgeview?.token);
      for (const { agent } of made) {
        assert.ok(agent.current?.apps[0]?.cipherData, "variables are user data");
        assert.equal(agent.current.patchEnvelopes[0]?.artifacts.length, 3);
      }
    },
    { nodes: 0, seeds: 2 },
  );

  inWorlds(
    "a box that is deleted comes back by its certificate, with its vault's key",
    async (world) => {
      const made = await boxes(world);
      const [box] = made as [PillarDevice];
      const before = box.disk.uuid;
      // Of which it remembers the number, and we do not.
      await edit(world, edgeNodeKind, box.name, { spec: { commands: { reboot: 1 } } });
      await world.until("the box to reboot", async () => box.boots === 2);
      await running(world, made, "1");
      await world.delete(edgeNodeKind, box.name);
      await world.live(hours(1));
      assert.ok((box.counted().get("config 404") ?? 0) > 0, "404: it may have been deleted");
      await world.apply({
        apiVersion: "selvedge.dev/v1alpha1",
        kind: "EdgeNode",
        metadata: { name: box.name },
        spec: { deviceCertificate: box.keys.device.pem },
      } as unknown as KubeObject);
      await running(world, made, "1");
      assert.notEqual(box.disk.uuid, before);
      await world.live(hours(1));
      assert.equal(box.boots, 3, "a new name is a new beginning, and no command");
    },
    { nodes: 0, seeds: 3 },
  );

  inWorlds(
    "a box that nobody's onboarding certificate admits is let in by its own",
    async (world) => {
      const onboarding = await makeKeyPair("unknown fitter", world.clock.now());
      const box = await PillarDevice.make({ world, name: "box-9", onboarding, hasTpm: true });
      await world.apply({
        apiVersion: "selvedge.dev/v1alpha1",
        kind: "EdgeNode",
        metadata: { name: "box-9" },
        spec: { deviceCertificate: box.keys.device.pem },
      } as unknown as KubeObject);
      await world.apply(daemonSet("web"));
      box.powerOn();
      await running(world, [box], "1");
    },
    { nodes: 0, seeds: 3 },
  );

  inWorlds(
    "a rule that no box keeps turns it away, and lets it in again when it does",
    async (world) => {
      const made = await boxes(world);
      const [box] = made as [PillarDevice];
      const rule = (value: string): object => ({
        spec: { measuredBoot: { allowed: [{ system: "14.*", registers: { "14": value } }] } },
      });
      const before = box.agent.attest.token.toHex();
      await edit(world, edgeNodeKind, box.name, rule("00".repeat(32)));
      await world.until("the box to be told", async () => (box.counted().get("config 403") ?? 0) > 0);
      await world.live(minutes(20));
      assert.equal(box.agent.attest.isComplete, false, "it cannot prove what it is not");
      assert.deepEqual([...box.agent.apps.states().values()], [info.ZSwState.RUNNING], "its app goes on");
      await edit(world, edgeNodeKind, box.name, rule(box.register(14)));
      await world.until("the box to be believed", async () => box.agent.attest.isComplete);
      assert.notEqual(box.agent.attest.token.toHex(), before);
      await world.apply(daemonSet("web", { tag: "2" }));
      await running(world, made, "2");
    },
    { nodes: 0, seeds: 2 },
  );

  inWorlds(
    "another image in a Pod is a purge, as a device wants it said",
    async (world) => {
      const made = await boxes(world);
      const [box] = made as [PillarDevice];
      const pods = await world.list<KubeObject & Shape>(podKind);
      const pod = pods.find(({ spec }) => spec.nodeName === box.name);
      const { name, uid, namespace } = (pod as KubeObject).metadata;
      for (const [count, tag] of ["2", "1", "2"].entries()) {
        const containers = [{ name: "main", image: `${registryHost}/app:${tag}` }];
        await world.objects.patch(podKind, name, namespace, "strategic", { spec: { containers } }, {});
        await world.until("the box to purge", async () => {
          return box.agent.apps.commands.get(`${uid} purge`) === count + 1 || box.faults.length > 0;
        });
      }
      content(made);
    },
    { nodes: 0, seeds: 2 },
  );

  inWorlds(
    "a Pod whose image nobody has can be deleted",
    async (world) => {
      const [box] = (await boxes(world)) as [PillarDevice];
      const containers = [{ name: "main", image: `${registryHost}/app:${missingTag}` }];
      await world.apply({
        ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "typo", namespace: "default" } },
        spec: { nodeName: box.name, containers },
      } as unknown as KubeObject);
      const isSought = (state: info.ZSwState): boolean => state === info.ZSwState.DOWNLOAD_STARTED;
      await world.until("a search", async () => box.agent.apps.states().values().some(isSought));
      await world.objects.delete(podKind, "typo", "default");
      await world.until("its end", async () => (await world.list<KubeObject>(podKind)).length === 2);
      assert.equal(box.agent.current?.apps.filter(({ activate }) => activate).length, 1, "it was told first");
    },
    { nodes: 0, seeds: 2 },
  );

  inWorlds(
    "a reboot that is asked for happens once, and once more when it is asked for again",
    async (world) => {
      const made = await boxes(world);
      const [box, other] = made as [PillarDevice, PillarDevice];
      const boots = other.boots;
      for (const reboot of [1, 2]) {
        const before = box.boots;
        await edit(world, edgeNodeKind, box.name, { spec: { commands: { reboot } } });
        await world.until("the box to reboot", async () => box.boots > before);
        await world.live(minutes(30));
        assert.equal(box.boots, before + 1);
      }
      assert.equal(other.boots, boots);
      const system = { version: "15.0.0", image: `${registryHost}/eve:15.0.0` };
      await edit(world, edgeNodeKind, box.name, { spec: { system } });
      await world.until("the box to be told of a system", async () => {
        const { baseos, contentInfo = [] } = box.agent.current ?? {};
        return contentInfo.some(({ uuid, URL }) => uuid === baseos?.contentTreeUuid && URL === "eve:15.0.0");
      });
      await running(world, made, "1");
    },
    { nodes: 0, seeds: 2 },
  );

  inWorlds(
    "the clock goes back by a day",
    async (world) => {
      const made = await boxes(world);
      world.clock.jump(millis(-hours(24)));
      await world.apply(daemonSet("web", { tag: "2" }));
      await running(world, made, "2");
      await world.killController({ down: seconds(5) });
      await world.until("the controller to be back", async () => true);
      world.clock.jump(millis(-hours(24)));
      await world.apply(daemonSet("web", { tag: "1" }));
      await running(world, made, "1");
    },
    { nodes: 0, seeds: 3 },
  );
});
