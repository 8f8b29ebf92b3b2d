import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import {
  int32,
  int64,
  kindMessage,
  type Message,
  mapAtomic,
  message,
  needed,
  object,
  pointer,
  time,
} from "../fields.ts";
import { builtIn } from "../kind.ts";
import { horizontalPodAutoscalerKind, reference } from "./autoscaler.ts";
import { defaultAutoscaler } from "./autoscaler-rules.ts";
import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  TargetReference,
} from "./autoscaler-types.ts";

/** The same autoscalers in words that know the use of CPU alone. */
interface AutoscalerV1 extends KubeObject {
  apiVersion: "autoscaling/v1";
  kind: "HorizontalPodAutoscaler";
  spec: {
    scaleTargetRef: TargetReference;
    minReplicas?: number;
    maxReplicas: number;
    targetCPUUtilizationPercentage?: number;
  };
  status?: {
    observedGeneration?: number;
    lastScaleTime?: string | null;
    currentReplicas?: number;
    desiredReplicas: number;
    currentCPUUtilizationPercentage?: number;
  };
}

const spec: Message = message("What is scaled.", {
  scaleTargetRef: object(1, reference, "What is scaled.", { ...needed, ...mapAtomic }),
  minReplicas: int32(2, "Never fewer. 1 when not said.", pointer),
  maxReplicas: int32(3, "Never more.", needed),
  targetCPUUtilizationPercentage: int32(4, "What CPU the Pods should use, in percent of requests.", pointer),
});

const status: Message = message("What it has seen and done.", {
  observedGeneration: int64(1, "Generation this is about.", pointer),
  lastScaleTime: time(2, "When it last changed the number.", pointer),
  currentReplicas: int32(3, "How many there were.", { ...needed, default: 0 }),
  desiredReplicas: int32(4, "How many there should be.", { ...needed, default: 0 }),
  currentCPUUtilizationPercentage: int32(5, "What CPU the Pods use, in percent of requests.", pointer),
});

const autoscaler: Message = kindMessage("So many Pods of something as the CPU they use asks for.", {
  spec: object(2, spec, "What is scaled."),
  status: object(3, status, "What it has seen and done."),
});

export const horizontalPodAutoscalerV1Kind: KindDefinition = builtIn(autoscaler, {
  group: "autoscaling",
  version: "v1",
  kind: "HorizontalPodAutoscaler",
  plural: "horizontalpodautoscalers",
  singular: "horizontalpodautoscaler",
  shortNames: ["hpa"],
  categories: ["all"],
  namespaced: true,
  subresources: { status: true },
  hasGeneration: false,
  applyDefaults: (one) => {
    const autoscaler = one as AutoscalerV1;
    autoscaler.spec ??= {} as AutoscalerV1["spec"];
    autoscaler.spec.minReplicas ??= 1;
  },
  validate: (one, old, found, part) =>
    horizontalPodAutoscalerKind.validate?.(
      toV2(one as AutoscalerV1),
      old && toV2(old as AutoscalerV1),
      found,
      part,
    ) ?? [],
  validateStatus: (one, old) => horizontalPodAutoscalerKind.validateStatus?.(one, old) ?? [],
  columns: horizontalPodAutoscalerKind.columns.map((column) => ({
    ...column,
    value: (one, now) => column.value(toV2(one as AutoscalerV1), now),
  })),
  view: {
    of: horizontalPodAutoscalerKind,
    read: (stored) => fromV2(stored as HorizontalPodAutoscaler),
    write: (one) => toV2(one as AutoscalerV1),
    siblings: () => [horizontalPodAutoscalerKind, horizontalPodAutoscalerV1Kind],
  },
});

/** Where upstream keeps what version 1 has no word for, as JSON. */
const annotations = {
  metrics: "autoscaling.alpha.kubernetes.io/metrics",
  currentMetrics: "autoscaling.alpha.kubernetes.io/current-metrics",
  behavior: "autoscaling.alpha.kubernetes.io/behavior",
  conditions: "autoscaling.alpha.kubernetes.io/conditions",
} as const;

const isCpu = (one: MetricSpec | MetricStatus): boolean =>
  one.type === "Resource" && one.resource?.name === "cpu";
const isCpuShare = (one: MetricSpec): boolean =>
  isCpu(one) && one.resource?.target.averageUtilization !== undefined;

function fromV2(autoscaler: HorizontalPodAutoscaler): AutoscalerV1 {
  const { metrics = [], behavior, ...spec } = autoscaler.spec;
  const { currentMetrics = [], conditions, ...status } = autoscaler.status ?? { desiredReplicas: 0 };
  const cpu = metrics.find(isCpuShare);
  const now = currentMetrics.find(isCpu)?.resource?.current.averageUtilization;
  const others = metrics.filter((one) => one !== cpu);
  const kept = {
    ...(others.length > 0 && { [annotations.metrics]: JSON.stringify(others) }),
    ...(currentMetrics.length > 0 && { [annotations.currentMetrics]: JSON.stringify(currentMetrics) }),
    ...(behavior !== undefined && { [annotations.behavior]: JSON.stringify(behavior) }),
    ...(conditions !== undefined && { [annotations.conditions]: JSON.stringify(conditions) }),
  };
  const target = cpu?.resource?.target.averageUtilization;
  return {
    ...autoscaler,
    apiVersion: "autoscaling/v1",
    metadata: {
      ...autoscaler.metadata,
      ...(Object.keys(kept).length > 0 && {
        annotations: { ...autoscaler.metadata.annotations, ...kept },
      }),
    },
    spec: { ...spec, ...(target !== undefined && { targetCPUUtilizationPercentage: target }) },
    status: {
      ...{ currentReplicas: 0, ...status },
      ...(now !== undefined && { currentCPUUtilizationPercentage: now }),
    },
  };
}

function toV2(autoscaler: AutoscalerV1): HorizontalPodAutoscaler {
  const { targetCPUUtilizationPercentage: percentage, ...spec } = autoscaler.spec;
  const { currentCPUUtilizationPercentage: now, ...status } = autoscaler.status ?? { desiredReplicas: 0 };
  const given = autoscaler.metadata.annotations ?? {};
  const own: readonly string[] = Object.values(annotations);
  const rest = Object.entries(given).filter(([name]) => !own.includes(name));
  const { annotations: _, ...metadata } = autoscaler.metadata;
  const target = { type: "Utilization", averageUtilization: percentage ?? 0 };
  const cpu: MetricSpec[] =
    percentage === undefined ? [] : [{ type: "Resource", resource: { name: "cpu", target } }];
  const others = listOf<MetricSpec>(given[annotations.metrics]);
  const current = { averageUtilization: now ?? 0 };
  const statuses = listOf<MetricStatus>(given[annotations.currentMetrics]);
  const known: MetricStatus[] =
    statuses.length > 0 || now === undefined
      ? statuses
      : [{ type: "Resource", resource: { name: "cpu", current } }];
  const behavior = parsed(given[annotations.behavior]);
  const conditions = listOf<object>(given[annotations.conditions]);
  const made = {
    ...autoscaler,
    apiVersion: "autoscaling/v2",
    metadata: { ...metadata, ...(rest.length > 0 && { annotations: Object.fromEntries(rest) }) },
    spec: {
      ...spec,
      ...(cpu.length + others.length > 0 && { metrics: [...others, ...cpu] }),
      ...(typeof behavior === "object" && behavior !== null && { behavior }),
    },
    status: {
      ...status,
      ...(known.length > 0 && { currentMetrics: known }),
      ...(conditions.length > 0 && { conditions }),
    },
  } as HorizontalPodAutoscaler;
  // What says nothing of figures is about CPU.
  defaultAutoscaler(made);
  return made;
}

/** Whoever writes by hand what is no JSON, or of another form, has written nothing, as upstream has it. */
function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function listOf<T extends object>(text: string | undefined): T[] {
  const value = parsed(text);
  return Array.isArray(value) ? value.filter((one) => typeof one === "object" && one !== null) : [];
}
