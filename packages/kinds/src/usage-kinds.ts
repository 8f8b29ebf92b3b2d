/** metrics.k8s.io: what Pods and nodes use, as `kubectl top` reads it. Made when asked for, never stored. */
import {
  type KindDefinition,
  type KubeObject,
  objectMetaMessage,
  type ProtobufMessage,
  type Schema,
} from "@selvedge/apimachinery";
import { column, nameColumn } from "./columns.ts";
import { objectOf, textOf, timeOf } from "./edge-schemas.ts";

export interface Amounts {
  /** `250m` */
  cpu: string;
  /** `64Mi` */
  memory: string;
}

export interface PodMetrics extends KubeObject {
  apiVersion: "metrics.k8s.io/v1beta1";
  kind: "PodMetrics";
  timestamp: string;
  /** The length of time the figures are an average of: `60s`. */
  window: string;
  containers: { name: string; usage: Amounts }[];
}

export interface NodeMetrics extends KubeObject {
  apiVersion: "metrics.k8s.io/v1beta1";
  kind: "NodeMetrics";
  timestamp: string;
  window: string;
  usage: Amounts;
}

const usage: Schema = objectOf("How much.", {
  cpu: textOf("Cores, as an amount: 250m."),
  memory: textOf("Bytes, as an amount: 64Mi."),
});
const measured: Record<string, Schema> = {
  timestamp: timeOf("When it was measured."),
  window: textOf("The length of time the figures are an average of."),
};
const containers: Schema = {
  type: "array",
  description: "What each container uses.",
  items: objectOf("What one container uses.", { name: textOf("Its name."), usage }, ["name", "usage"]),
};

const usageField = { name: "usage", type: "map", values: "quantity" } as const;
const measuredMessage: ProtobufMessage = {
  1: { name: "metadata", type: "message", message: objectMetaMessage },
  2: { name: "timestamp", type: "time" },
  3: { name: "window", type: "duration" },
};
const containerMessage: ProtobufMessage = { 1: { name: "name", type: "string" }, 2: usageField };

const group = { group: "metrics.k8s.io", version: "v1beta1", custom: true, hasGeneration: false } as const;

export const podMetricsKind: KindDefinition = {
  ...group,
  ...{ kind: "PodMetrics", plural: "pods", singular: "", namespaced: true },
  schema: objectOf("What a Pod uses.", { ...measured, containers }),
  protobuf: {
    ...measuredMessage,
    4: { name: "containers", type: "message", message: containerMessage, repeated: true },
  },
  columns: [
    nameColumn,
    column<PodMetrics>("CPU", "Cores.", (pod) =>
      sum(
        pod.containers.map((one) => milli(one.usage.cpu)),
        "m",
      ),
    ),
    column<PodMetrics>("Memory", "Bytes.", (pod) =>
      sum(
        pod.containers.map((one) => Number.parseInt(one.usage.memory, 10)),
        "Ki",
      ),
    ),
    column<PodMetrics>("Window", "What it is an average of.", ({ window }) => window),
  ],
};

export const nodeMetricsKind: KindDefinition = {
  ...group,
  ...{ kind: "NodeMetrics", plural: "nodes", singular: "", namespaced: false },
  schema: objectOf("What a node uses.", { ...measured, usage }),
  protobuf: { ...measuredMessage, 4: usageField },
  columns: [
    nameColumn,
    column<NodeMetrics>("CPU", "Cores.", (node) => node.usage.cpu),
    column<NodeMetrics>("Memory", "Bytes.", (node) => node.usage.memory),
    column<NodeMetrics>("Window", "What it is an average of.", ({ window }) => window),
  ],
};

/** Every kind that is computed; they are not among the kinds of the store. */

function milli(cpu: string): number {
  return Number.parseInt(cpu, 10);
}

function sum(values: readonly number[], unit: string): string {
  return `${values.reduce((one, other) => one + other, 0)}${unit}`;
}
