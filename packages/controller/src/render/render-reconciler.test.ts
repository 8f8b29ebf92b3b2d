import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { ext, getExtension } from "@selvedge/eve-api";
import {
  type ConfigMap,
  configMapKind,
  type Deployment,
  deploymentKind,
  type EdgeNode,
  type Event,
  edgeNodeKind,
  eventKind,
  type HorizontalPodAutoscaler,
  horizontalPodAutoscalerKind,
  type Pod,
  podKind,
  type Secret,
  type Service,
  secretKind,
  serviceKind,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";

function pod(name: string, nodeName: string, more: Partial<Pod["spec"]["containers"][0]> = {}): Pod {
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", labels: { app: name } } },
    spec: { nodeName, containers: [{ name: "main", image: "web:1", ...more }] },
  };
}

function configMap(data: Record<string, string>): ConfigMap {
  return {
    ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace: "default" } },
    data,
  };
}

const fromMap = { envFrom: [{ configMapRef: { name: "settings" } }] };

function envOf(world: ObjectWorld, node: string): Record<string, unknown> {
  const [app] = world.nodes.get(node)?.config?.apps ?? [];
  const container = app && getExtension(app, ext.AppExtensionSchema)?.containers[0];
  return Object.fromEntries((container?.env ?? []).map(({ name, source }) => [name, source.value]));
}

async function statusOf(world: ObjectWorld, name: string): Promise<NonNullable<Pod["status"]>> {
  return (await world.objects.get<Pod>(podKind, name, "default")).status ?? {};
}

const metricInterval = "timer.metric.interval";

function settingOf(world: ObjectWorld, node: string, key: string): string | undefined {
  return world.nodes.get(node)?.config?.configItems.find((item) => item.key === key)?.value;
}

describe("a node's configuration in the controller", () => {
  it("asks for figures more often while an autoscaler goes by them, unless the EdgeNode says how often", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("a");
    await world.create(podKind, pod("alone", "a"));
    await world.create<Deployment>(deploymentKind, {
      ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "default" } },
      spec: {
        selector: { matchLabels: { app: "web" } },
        template: {
          metadata: { labels: { app: "web" } },
          spec: { containers: [{ name: "main", image: "web:1" }] },
        },
      },
    });
    const autoscaler = (target: string): HorizontalPodAutoscaler => ({
      ...{ apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler" },
      metadata: { name: target, namespace: "default" },
      spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: target }, maxReplicas: 3 },
    });
    await world.create(horizontalPodAutoscalerKind, autoscaler("other"));
    await world.converge();
    assert.equal(settingOf(world, "a", metricInterval), undefined);
    await world.create(horizontalPodAutoscalerKind, autoscaler("web"));
    await world.converge();
    assert.equal(settingOf(world, "a", metricInterval), "30");
    const slower = { spec: { settings: { [metricInterval]: "300" } } };
    await world.objects.patch(edgeNodeKind, "a", undefined, "merge", slower);
    await world.converge();
    assert.equal(settingOf(world, "a", metricInterval), "300");
    await world.objects.patch(edgeNodeKind, "a", undefined, "merge", { spec: { settings: null } });
    await world.objects.delete(horizontalPodAutoscalerKind, "web", "default");
    await world.converge();
    assert.equal(settingOf(world, "a", metricInterval), undefined);
  });

  it("waits for what a Pod refers to, says so, and goes on by itself", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    await world.create(podKind, pod("web", "a", fromMap));
    await world.converge();
    const waiting = await statusOf(world, "web");
    assert.deepEqual(
      [waiting.phase, waiting.containerStatuses?.[0]?.state?.waiting],
      ["Pending", { reason: "CreateContainerConfigError", message: 'configmap "settings" not found' }],
    );
    assert.equal(node.config?.apps.length, 0);
    const events = (await world.objects.list<Event>(eventKind)).items;
    assert.ok(events.some(({ message }) => message === 'Error: configmap "settings" not found'));
    await world.create(configMapKind, configMap({ COLOR: "red" }));
    await world.converge();
    assert.deepEqual(envOf(world, "a"), { COLOR: "red" });
    assert.equal((await statusOf(world, "web")).phase, "Running");
  });

  it("keeps an app whose ConfigMap was deleted, and follows one that changes", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    await world.create(configMapKind, configMap({ COLOR: "red" }));
    await world.create(podKind, pod("web", "a", fromMap));
    await world.converge();
    await world.objects.patch(configMapKind, "settings", "default", "merge", { data: { COLOR: "blue" } });
    await world.converge();
    assert.deepEqual(envOf(world, "a"), { COLOR: "blue" });
    await world.objects.delete(configMapKind, "settings", "default");
    await world.converge();
    assert.deepEqual(envOf(world, "a"), { COLOR: "blue" });
    await world.restart();
    await world.converge();
    assert.equal(node.apps.size, 1);
    assert.equal((await statusOf(world, "web")).phase, "Running");
    await world.objects.delete(podKind, "web", "default");
    await world.converge();
    assert.equal(node.apps.size, 0, "and it can still be stopped");
    await assert.rejects(world.objects.get(podKind, "web", "default"), { reason: "NotFound" });
  });

  it("moves only when its content does, and never back in time", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    await world.addNode("b");
    await world.create(podKind, pod("web", "a"));
    await world.converge();
    const [before, other] = [world.running.configs.current(node.id), world.nodes.get("b")?.config];
    await world.restart();
    await world.converge();
    const kept = world.running.configs.current(node.id);
    assert.equal(kept?.hash, before?.hash);
    assert.deepEqual(Buffer.from(kept?.config ?? []), Buffer.from(before?.config ?? []));
    const at = (): number =>
      timestampDate(
        node.config?.configTimestamp ?? { $typeName: "google.protobuf.Timestamp", seconds: 0n, nanos: 0 },
      ).getTime();
    const first = at();
    world.clock.jump(-10 * 365 * 86_400_000);
    await world.create(podKind, pod("more", "a"));
    await world.converge();
    assert.ok(at() > first, "a clock that was set back makes no older configuration");
    assert.notEqual(world.running.configs.current(node.id)?.hash, before?.hash);
    assert.deepEqual(world.nodes.get("b")?.config, other, "other nodes are not touched");
  });

  it("waits for the node's certificate before it sends secrets", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    world.sealer.all = false;
    await world.create(secretKind, {
      ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "login", namespace: "default" } },
      data: { word: Buffer.from("sesame").toString("base64") },
    } as Secret);
    await world.create(podKind, pod("web", "a", { envFrom: [{ secretRef: { name: "login" } }] }));
    await world.converge();
    assert.equal(node.config?.apps.length, 0);
    assert.match(
      (await statusOf(world, "web")).containerStatuses?.[0]?.state?.waiting?.message ?? "",
      /node a has not sent the certificate/,
    );
    world.sealer.certify(node.id);
    await world.converge();
    assert.equal(node.config?.apps.length, 1);
  });

  it("has the ports of Services that come and go", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    await world.create(podKind, pod("web", "a"));
    await world.converge();
    const rules = (): number | undefined => node.config?.apps[0]?.interfaces[0]?.acls.length;
    assert.equal(rules(), 1);
    await world.create(serviceKind, {
      ...{ apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "default" } },
      spec: { type: "NodePort", selector: { app: "web" }, ports: [{ port: 80, nodePort: 30080 }] },
    } as Service);
    await world.converge();
    assert.equal(rules(), 2);
    await world.objects.delete(serviceKind, "web", "default");
    await world.converge();
    assert.equal(rules(), 1);
  });

  it("has a port at an address once a port of the box has that", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    await world.create(
      podKind,
      pod("web", "a", { ports: [{ containerPort: 80, hostPort: 80, hostIP: "192.0.2.1" }] }),
    );
    await world.converge();
    assert.equal(node.config?.apps.length, 0);
    const [container] = (await statusOf(world, "web")).containerStatuses ?? [];
    assert.equal(container?.state?.waiting?.reason, "NotSupported");
    const edgeNode = await world.objects.get<EdgeNode>(edgeNodeKind, "a");
    const ports = [{ name: "ot", addresses: ["192.0.2.1"] }];
    await world.objects.updateStatus<EdgeNode>(edgeNodeKind, {
      ...edgeNode,
      status: { ...edgeNode.status, ports },
    });
    await world.converge();
    const matches = node.config?.apps[0]?.interfaces[0]?.acls[1]?.matches.map(({ value }) => value);
    assert.deepEqual(matches, ["ot", "tcp", "80"]);
  });

  it("says whose port another Pod has, and leads it there when that ends", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    const ports = [{ containerPort: 80, hostPort: 80 }];
    await world.create(podKind, pod("first", "a", { ports }));
    await world.pass(1);
    await world.create(podKind, pod("second", "a", { ports }));
    await world.converge();
    const led = (): string[] =>
      (node.config?.apps ?? []).flatMap(({ displayname, interfaces }) =>
        interfaces.some(({ acls }) => acls.some(({ name }) => name === "tcp-80")) ? [displayname] : [],
      );
    const said = async (): Promise<string[]> => {
      const { items } = await world.objects.list<Event>(eventKind, { namespace: "default" });
      return items.flatMap(({ reason, involvedObject, message }) =>
        reason === "NodePorts" ? [`${involvedObject.name}: ${message}`] : [],
      );
    };
    const message = "another Pod has tcp/80 of the node, and this one gets it when that ends";
    assert.deepEqual([led(), await said()], [["default/first"], [`second: ${message}`]]);
    await world.objects.delete(podKind, "first", "default");
    await world.converge();
    assert.deepEqual([led(), (await said()).length], [["default/second"], 1]);
  });

  it("that would be too large is not sent, and the node goes on with the last", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    await world.create(podKind, pod("web", "a"));
    await world.converge();
    const before = world.running.configs.current(node.id)?.hash;
    await world.create(configMapKind, configMap({ big: "x".repeat(900_000) }));
    for (let index = 0; index < 10; index++) {
      const big = pod(`big-${index}`, "a");
      big.spec.volumes = [{ name: "v", configMap: { name: "settings" } }];
      await world.create(podKind, big);
    }
    await world.converge();
    const edgeNode = await world.objects.get<EdgeNode>(edgeNodeKind, "a");
    const condition = edgeNode.status?.conditions?.find(({ type }) => type === "ConfigAccepted");
    assert.deepEqual([condition?.status, condition?.reason], ["False", "ConfigTooLarge"]);
    assert.match(condition?.message ?? "", /make the ConfigMaps and Secrets of this node's Pods smaller/);
    assert.notEqual(before, undefined);
    await world.objects.delete(configMapKind, "settings", "default");
    for (let index = 0; index < 10; index++)
      await world.objects.delete(podKind, `big-${index}`, "default", { gracePeriodSeconds: 0 });
    await world.converge();
    const after = await world.objects.get<EdgeNode>(edgeNodeKind, "a");
    assert.equal(after.status?.conditions?.find(({ type }) => type === "ConfigAccepted")?.status, "True");
  });
});
