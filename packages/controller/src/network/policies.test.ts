import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type ConfigMap,
  configMapKind,
  type Event,
  eventKind,
  type Namespace,
  type NetworkPolicy,
  type NetworkPolicySpec,
  namespaceKind,
  networkPolicyKind,
  type Pod,
  podKind,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";

function pod(name: string, nodeName: string, more: Partial<Pod["metadata"]> = {}): Pod {
  return {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { name, namespace: "default", labels: { app: name }, ...more },
    spec: { nodeName, containers: [{ name: "main", image: "web:1" }] },
  };
}

function policy(spec: NetworkPolicySpec): NetworkPolicy {
  const metadata = { name: "web", namespace: "default" };
  return { ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata }, spec };
}

const forWeb = { podSelector: { matchLabels: { app: "web" } } };
const fromDb = { ...forWeb, ingress: [{ from: [{ podSelector: { matchLabels: { app: "db" } } }] }] };

/** Whom an app's list lets in, as its node has it. */
function lets(world: ObjectWorld, node: string, name: string): string[] | undefined {
  const app = world.nodes.get(node)?.config?.apps.find(({ displayname }) => displayname.endsWith(`/${name}`));
  return app?.interfaces[0]?.acls.flatMap(({ matches, dir }) =>
    dir === 1 ? [matches.map(({ value }) => value).join(" ")] : [],
  );
}

/** What a list calls a Pod by. */
async function addressOf(world: ObjectWorld, name: string, namespace = "default"): Promise<string> {
  return `${(await world.objects.get<Pod>(podKind, name, namespace)).status?.podIP}/32`;
}

describe("policies in the controller", () => {
  it("reach the node of the Pods they are about, and follow what changes", async () => {
    await using world = await ObjectWorld.start();
    for (const name of ["a", "b"]) await world.addNode(name);
    for (const name of ["web", "db"]) await world.create(podKind, pod(name, "a"));
    await world.create(podKind, pod("other", "b"));
    await world.converge();
    const other = world.running.configs.current(world.nodes.get("b")?.id ?? "")?.hash;
    assert.deepEqual(lets(world, "a", "web"), []);
    await world.create(networkPolicyKind, policy(fromDb));
    await world.converge();
    assert.deepEqual(lets(world, "a", "web"), [await addressOf(world, "db")]);
    assert.deepEqual(lets(world, "a", "db"), []);
    const relabel = async (name: string, app: string): Promise<void> => {
      await world.objects.patch(podKind, name, "default", "merge", { metadata: { labels: { app } } });
      await world.converge();
    };
    await relabel("db", "none");
    assert.deepEqual(lets(world, "a", "web"), [], "a peer that is one no more");
    await world.create(podKind, pod("late", "a", { labels: { app: "db" } }));
    await world.converge();
    assert.deepEqual(lets(world, "a", "web"), [await addressOf(world, "late")], "one that came later");
    const web = await world.objects.get<Pod>(podKind, "web", "default");
    assert.equal(web.status?.containerStatuses?.[0]?.restartCount ?? 0, 0);
    await world.objects.delete(networkPolicyKind, "web", "default");
    await world.converge();
    assert.deepEqual(lets(world, "a", "web"), []);
    assert.equal(world.running.configs.current(world.nodes.get("b")?.id ?? "")?.hash, other);
  });

  it("follow the labels of namespaces", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("a");
    await world.create(namespaceKind, {
      ...{ apiVersion: "v1", kind: "Namespace", metadata: { name: "lab" } },
    } as Namespace);
    await world.create(podKind, pod("web", "a"));
    await world.create(podKind, pod("db", "a", { namespace: "lab" }));
    const peer = { namespaceSelector: { matchLabels: { team: "r" } } };
    await world.create(networkPolicyKind, policy({ ...forWeb, ingress: [{ from: [peer] }] }));
    await world.converge();
    assert.deepEqual(lets(world, "a", "web"), []);
    await world.objects.patch(namespaceKind, "lab", undefined, "merge", {
      metadata: { labels: { team: "r" } },
    });
    await world.converge();
    assert.deepEqual(lets(world, "a", "web"), [await addressOf(world, "db", "lab")]);
  });

  it("hold for a Pod that goes on as it was, as what it refers to is gone", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("a");
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m", namespace: "default" } };
    await world.create(configMapKind, map as ConfigMap);
    const web = pod("web", "a");
    web.spec.containers[0] = { name: "main", image: "web:1", envFrom: [{ configMapRef: { name: "m" } }] };
    await world.create(podKind, web);
    await world.create(podKind, pod("db", "a"));
    await world.create(networkPolicyKind, policy(fromDb));
    await world.converge();
    await world.objects.delete(configMapKind, "m", "default");
    await world.converge();
    assert.deepEqual(lets(world, "a", "web"), [await addressOf(world, "db")]);
    await world.objects.delete(networkPolicyKind, "web", "default");
    await world.converge();
    assert.deepEqual(lets(world, "a", "web"), []);
  });

  it("say what nodes cannot keep, once, and deny it", async () => {
    await using world = await ObjectWorld.start();
    for (const name of ["a", "b"]) await world.addNode(name);
    await world.create(podKind, pod("web", "a"));
    await world.create(networkPolicyKind, policy(fromDb));
    await world.converge();
    const said = async (): Promise<Event[]> =>
      (await world.objects.list<Event>(eventKind)).items.filter(
        ({ involvedObject }) => involvedObject.kind === "NetworkPolicy",
      );
    assert.deepEqual(await said(), []);
    await world.create(podKind, pod("db", "b"));
    await world.converge();
    await world.create(podKind, pod("more", "b"));
    await world.converge();
    assert.deepEqual(lets(world, "a", "web"), []);
    const [event, ...others] = await said();
    assert.deepEqual([event?.reason, event?.count, others], ["PeersOnOtherNodes", 1, []]);
    assert.match(event?.message ?? "", /^spec\.ingress\[0\]\.from\[0\]: .* other nodes .* with an ipBlock$/);
  });
});
