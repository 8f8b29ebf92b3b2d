/** The fleet as the API tells of it: boxes, nodes and apps, followed as they change, of each the part that is shown. */
import type { KubeObject } from "@selvedge/apimachinery";
import type { Clock, Log, Random } from "@selvedge/base";
import { type HttpTransport, Informer, type KindRef } from "@selvedge/client";
import type { EdgeNode, Node, Pod } from "@selvedge/kinds";
import { SlimObjects } from "../api/slim-objects.ts";
import { edgeNodes, nodes, pods } from "../kinds.ts";
import { isRunning, isWanted } from "../pod/pod-state.ts";
import { type AppCount, type FleetRow, fleetRows } from "./fleet-rows.ts";

export interface FleetDeps {
  readonly transport: HttpTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Which of the three whoever looks may list. */
  readonly allowed: readonly KindRef[];
  readonly onChange: () => void;
}

/** What is common to informers of any kind. */
interface Following extends AsyncDisposable {
  readonly synced: Promise<void>;
  start(): void;
}

export class Fleet implements AsyncDisposable {
  readonly #edgeNodes: Informer<EdgeNode>;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #following: readonly Following[];
  readonly #apps = new Map<string, AppCount>();
  #rows: FleetRow[] | undefined;

  constructor(deps: FleetDeps) {
    const informer = <T extends KubeObject>(kind: KindRef, slim: (object: T) => unknown): Informer<T> =>
      new Informer<T>({
        objects: new SlimObjects(deps.transport, (object) => slim(object as T) as KubeObject),
        ...{ kind, clock: deps.clock, random: deps.random, log: deps.log },
      });
    this.#edgeNodes = informer<EdgeNode>(edgeNodes, slimEdgeNode);
    this.#nodes = informer<Node>(nodes, slimNode);
    this.#pods = informer<Pod>(pods, slimPod);
    const all = [this.#edgeNodes, this.#nodes, this.#pods] as const;
    const kinds = [edgeNodes, nodes, pods];
    const changed = (): void => {
      this.#rows = undefined;
      deps.onChange();
    };
    this.#edgeNodes.onChange(changed);
    this.#nodes.onChange(changed);
    this.#pods.onChange((before, after) => {
      this.#count(before, -1);
      this.#count(after, 1);
      changed();
    });
    this.#following = all.filter((_, at) => deps.allowed.includes(kinds[at] as KindRef));
  }

  /** Resolves when everything has been listed once. */
  async start(): Promise<void> {
    for (const informer of this.#following) informer.start();
    await Promise.all(this.#following.map(({ synced }) => synced));
  }

  rows(): readonly FleetRow[] {
    this.#rows ??= fleetRows(this.#edgeNodes.list(), this.#nodes.list(), this.#apps);
    return this.#rows;
  }

  #count(pod: Pod | undefined, by: 1 | -1): void {
    const name = pod?.spec.nodeName;
    if (pod === undefined || !name || !isWanted(pod)) return;
    const { running, wanted } = this.#apps.get(name) ?? { running: 0, wanted: 0 };
    const next = { running: running + (isRunning(pod) ? by : 0), wanted: wanted + by };
    if (next.wanted === 0) this.#apps.delete(name);
    else this.#apps.set(name, next);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#following.map((informer) => informer[Symbol.asyncDispose]()));
  }
}

function slimMeta({
  name,
  namespace,
  uid,
  resourceVersion,
  creationTimestamp,
  deletionTimestamp,
  labels,
}: KubeObject["metadata"]): object {
  return { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp, labels };
}

function slimEdgeNode({ apiVersion, kind, metadata, spec = {}, status = {} }: EdgeNode): object {
  const { nodeName, labels, serial } = spec;
  const { phase, lastSeen, engineVersion, addresses, conditions, configError } = status;
  return {
    ...{ apiVersion, kind, metadata: { ...slimMeta(metadata), labels: undefined } },
    spec: { nodeName, labels, serial },
    status: { phase, lastSeen, engineVersion, addresses, conditions, configError, serial: status.serial },
  };
}

function slimNode({ apiVersion, kind, metadata, spec = {}, status = {} }: Node): object {
  const { conditions = [], addresses, nodeInfo } = status;
  return {
    ...{ apiVersion, kind, metadata: slimMeta(metadata), spec: { unschedulable: spec.unschedulable } },
    status: {
      ...{ addresses, nodeInfo: { kubeletVersion: nodeInfo?.kubeletVersion } },
      conditions: conditions.filter(({ type }) => type === "Ready"),
    },
  };
}

function slimPod({ apiVersion, kind, metadata, spec, status = {} }: Pod): object {
  const conditions = status.conditions?.filter(({ type }) => type === "Ready");
  return {
    ...{ apiVersion, kind, metadata: { ...slimMeta(metadata), labels: undefined } },
    ...{ spec: { nodeName: spec.nodeName }, status: { phase: status.phase, conditions } },
  };
}
