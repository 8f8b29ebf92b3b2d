/**
 * A world in a line: a controller and nodes in one process, on simulated time, network, disks and machines.
 * Tests break things for a while, then stop breaking them and require the end state:
 *
 *   await using world = await World.make(seed, { nodes: 2 });
 *   await world.apply(daemonSet("web"));
 *   world.cut("node-1");
 *   await world.live(hours(72));
 *   world.heal("node-1");
 *   await world.settle();
 */
import type { KubeList, KubeObject } from "@selvedge/apimachinery";
import { type Instant, type Millis, minutes, type Random, SeededRandom, seconds } from "@selvedge/base";
import type { KindRef, Objects } from "@selvedge/client";
import { allKinds, daemonSetKind, edgeNodeKind, nodeKind, podKind } from "@selvedge/kinds";
import { SimNetwork } from "./network/sim-network.ts";
import { SimRegistry } from "./network/sim-registry.ts";
import { SimClock } from "./sim-clock.ts";
import { controllerHost, SimController } from "./sim-controller.ts";
import { SimNode } from "./sim-node.ts";
import { makeOnboarding } from "./wire/wire-node.ts";

export const registryHost = "registry.test:5000";

export interface WorldOptions {
  readonly nodes?: number;
}

export class World implements AsyncDisposable {
  readonly seed: number;
  readonly random: Random;
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly registry: SimRegistry;
  readonly controller: SimController;
  readonly nodes: SimNode[] = [];
  readonly #errors: unknown[] = [];

  private constructor(seed: number) {
    this.seed = seed;
    this.random = new SeededRandom(seed);
    this.clock = new SimClock();
    this.network = new SimNetwork(this.clock, new SeededRandom(seed ^ 0x5eed));
    this.registry = new SimRegistry(new SeededRandom(seed ^ 0xb10b));
    this.controller = new SimController({
      clock: this.clock,
      random: this.random,
      network: this.network,
      onError: (error) => this.#errors.push(error),
    });
  }

  /** Everything is on; nodes have enrolled and are Ready when it resolves. */
  static async make(seed: number, { nodes = 1 }: WorldOptions = {}): Promise<World> {
    const world = new World(seed);
    world.network.serve(registryHost, world.registry);
    for (const tag of ["1", "2"]) world.registry.add("app", tag, [layer(world.random), layer(world.random)]);
    await world.controller.start();
    await world.#addNodes(nodes);
    for (const node of world.nodes) node.powerOn();
    await world.until("all nodes to be Ready", async () => (await world.readyNodes()).length === nodes);
    return world;
  }

  get objects(): Objects {
    return this.controller.objects;
  }

  node(index = 0): SimNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node;
  }

  /** Server-side apply, as a user. */
  async apply(object: KubeObject): Promise<void> {
    const kind = kindOf(object);
    const { name = "", namespace } = object.metadata;
    const space = kind.namespaced ? (namespace ?? "default") : undefined;
    await this.objects.patch(kind, name, space, "apply", object, { fieldManager: "user", force: true });
  }

  async delete(kind: KindRef, name: string): Promise<void> {
    await this.objects.delete(kind, name, kind.namespaced ? "default" : undefined);
  }

  async list<T extends KubeObject>(kind: KindRef): Promise<readonly T[]> {
    const { items }: KubeList<T> = await this.objects.list<T>(kind);
    return items;
  }

  /** Lets time pass, whatever happens in it. */
  async live(span: Millis): Promise<void> {
    await this.clock.pass(span);
    this.#fail();
  }

  /** Lets time pass until `condition` holds; explains itself when it never does. */
  async until(what: string, condition: () => Promise<boolean>, limit: Millis = minutes(30)): Promise<void> {
    let looked = Number.NEGATIVE_INFINITY;
    const came = await this.clock.passUntil(async () => {
      this.#fail();
      // Looking costs more than most of what happens between two looks, and more the more there is to see.
      const lookEvery = Math.max(lookEveryMin, this.nodes.length);
      if (this.clock.monotonic() - looked < lookEvery || !this.controller.isUp) return false;
      looked = this.clock.monotonic();
      return await condition();
    }, limit);
    if (!came) throw new Error(`seed ${this.seed}: gave up waiting for ${what}\n${await this.explain()}`);
  }

  /** Until every DaemonSet's newest template runs, ready, on every node, and nothing else does. */
  async settle(limit?: Millis): Promise<void> {
    await this.until("the desired state", async () => (await this.unsettled()).length === 0, limit);
  }

  /** What is not yet as desired, a line each. */
  async unsettled(): Promise<string[]> {
    const sets = await this.list<KubeObject & DaemonSetShape>(daemonSetKind);
    const pods = await this.list<KubeObject & PodShape>(podKind);
    const owned = Map.groupBy(pods, ({ metadata, spec }) =>
      placeOf(metadata.ownerReferences?.[0]?.name, spec.nodeName),
    );
    const missing = sets.flatMap(({ metadata, spec }) =>
      this.nodes.flatMap(({ name }) => {
        const own = owned.get(placeOf(metadata.name, name)) ?? [];
        const [pod, ...more] = own;
        if (pod === undefined || more.length > 0) return [`${metadata.name} on ${name}: ${own.length} Pods`];
        const [want, have] = [spec.template.spec.containers[0], pod.spec.containers[0]].map(whatRuns);
        if (want !== have) return [`${pod.metadata.name}: ${have} instead of ${want}`];
        return isReady(pod) ? [] : [`${pod.metadata.name}: ${JSON.stringify(pod.status)}`];
      }),
    );
    const orphans = pods.filter(
      (pod) => !sets.some(({ metadata }) => metadata.name === pod.metadata.ownerReferences?.[0]?.name),
    );
    const uids = new Set(pods.map(({ metadata }) => metadata.uid));
    const stray = this.nodes.flatMap(({ name, hypervisor }) =>
      hypervisor.machines().flatMap(({ id }) => (uids.has(id) ? [] : [`${name} still runs ${id}`])),
    );
    return [...missing, ...orphans.map(({ metadata }) => `${metadata.name} is not wanted`), ...stray];
  }

  async readyNodes(): Promise<readonly string[]> {
    const nodes = await this.list<KubeObject & PodShape>(nodeKind);
    return nodes.filter(isReady).map(({ metadata }) => metadata.name ?? "");
  }

  /** Whose link was opened since then. */
  async nodesLinkedSince(since: Instant): Promise<readonly string[]> {
    const nodes = await this.list<KubeObject & EdgeNodeShape>(edgeNodeKind);
    const linked = nodes.filter(({ status }) => Date.parse(status?.linkConnectedAt ?? "") >= since);
    return linked.map(({ metadata }) => metadata.name ?? "");
  }

  cut(index = 0): void {
    this.network.cut(this.node(index).name);
  }

  heal(index = 0): void {
    this.network.heal(this.node(index).name);
  }

  /** The controller dies, nodes having heard nothing of what it did in its last `lost`; back after `down`. */
  async killController(options: { readonly lost?: Millis; readonly down?: Millis } = {}): Promise<void> {
    const { lost = seconds(1), down = seconds(10) } = options;
    this.network.faults.answerLost = 1;
    await this.clock.pass(lost);
    this.network.faults.answerLost = 0;
    this.controller.restartAfter(down);
  }

  /** Power off now, on again after `off`. */
  powerCut(index: number, off: Millis): void {
    const node = this.node(index);
    node.powerCut();
    this.clock.setTimer(off, () => node.powerOn());
  }

  /** What one wants to know of a seed that failed. */
  async explain(): Promise<string> {
    const state = this.controller.isUp ? await this.unsettled() : ["the controller is down"];
    const conditions = this.controller.isUp ? await this.list<KubeObject & PodShape>(edgeNodeKind) : [];
    return [
      ...state,
      ...conditions.map(({ metadata, status }) => `${metadata.name}: ${JSON.stringify(status)}`),
      "--- controller",
      ...this.controller.log.last(explainLines),
      ...this.nodes.flatMap(({ name, log }) => [`--- ${name}`, ...log.last(explainLines)]),
    ].join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) node.end();
    await this.controller[Symbol.asyncDispose]();
  }

  async #addNodes(count: number): Promise<void> {
    const onboarding = await makeOnboarding("world", this.clock.now());
    await this.apply({
      apiVersion: "selvedge.dev/v1alpha1",
      kind: "EnrollmentProfile",
      metadata: { name: "world" },
      spec: {
        onboardingCertificate: onboarding.certificatePem,
        serials: ["node-*"],
        approve: "Automatic",
        nodeName: "{serial}",
      },
    } as unknown as KubeObject);
    const keyPem = onboarding.key.export({ format: "pem", type: "pkcs8" }) as string;
    const enrolment = {
      baseUrl: `https://${controllerHost}`,
      roots: [this.controller.rootCertificate],
      onboarding: { certificatePem: onboarding.certificatePem, keyPem },
    };
    const { clock, random, network } = this;
    for (let index = 0; index < count; index++) {
      const address = `192.0.2.${index + 1}`;
      this.nodes.push(new SimNode({ name: `node-${index + 1}`, clock, random, network, enrolment, address }));
    }
  }

  /** What went wrong where nobody could be told. */
  #fail(): void {
    const [error] = this.#errors.splice(0);
    if (error !== undefined) throw new Error(`seed ${this.seed}: a part failed`, { cause: error });
  }
}

const explainLines = 40;
/** In simulated milliseconds. */
const lookEveryMin = 250;

function placeOf(set: string | undefined, node: string | undefined): string {
  return `${set} on ${node}`;
}

interface ContainerShape {
  readonly image: string;
  readonly command?: readonly string[];
}

interface DaemonSetShape {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly ContainerShape[] } } };
}

function whatRuns(container: ContainerShape | undefined): string {
  return `${container?.image} ${container?.command?.join(" ")}`;
}

interface EdgeNodeShape {
  readonly status?: { readonly linkConnectedAt?: string };
}

interface PodShape {
  readonly metadata: { readonly ownerReferences?: readonly { readonly name: string }[] };
  readonly spec: { readonly nodeName?: string; readonly containers: readonly ContainerShape[] };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

function isReady({ status }: PodShape): boolean {
  return status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

function kindOf({ apiVersion, kind }: KubeObject): KindRef {
  const found = allKinds.find(
    (candidate) =>
      candidate.kind === kind &&
      apiVersion === (candidate.group === "" ? candidate.version : `${candidate.group}/${candidate.version}`),
  );
  if (found === undefined) throw new Error(`no kind ${apiVersion} ${kind}`);
  return found;
}

/** Bytes that stand for a layer: enough for several pieces on the network, each different. */
function layer(random: Random): Uint8Array {
  const bytes = new Uint8Array(40_000 + Math.floor(random.next() * 40_000));
  // A prime number of random ones, again and again: to make all by chance takes as long as to deploy them.
  const some = random.bytes(1009);
  for (let at = 0; at < bytes.length; at += some.length) bytes.set(some.subarray(0, bytes.length - at), at);
  return bytes;
}

/** A DaemonSet with one container, whose program says how it behaves (hypervisor/sim-machine.ts). */
export function daemonSet(
  name: string,
  options: {
    readonly tag?: string;
    readonly image?: string;
    readonly program?: readonly string[];
    readonly grace?: number;
  } = {},
): KubeObject {
  const { tag = "1", program = ["serve"], grace = 5, image = `${registryHost}/app:${tag}` } = options;
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name, namespace: "default" },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: grace,
          containers: [{ name: "main", image, command: [...program] }],
        },
      },
    },
  } as unknown as KubeObject;
}
