import type { KindDefinition } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { kindMessage, type Message, object } from "../fields.ts";
import { builtIn } from "../kind.ts";
import { podColumns } from "./pod-columns.ts";
import { defaultPod } from "./pod-defaults.ts";
import { podSpec } from "./pod-fields.ts";
import { validatePodStatus } from "./pod-status-rules.ts";
import type { Pod } from "./pod-types.ts";
import { podStatus } from "./status-fields.ts";
import { validatePod } from "./validate-pod.ts";

const pod: Message = kindMessage("Containers that run together in one virtual machine on one node.", {
  spec: object(2, podSpec, "What runs."),
  status: object(3, podStatus, "How it is."),
});

export const podKind: KindDefinition = builtIn(pod, {
  group: "",
  version: "v1",
  kind: "Pod",
  plural: "pods",
  returnsDeleted: true,
  singular: "pod",
  shortNames: ["po"],
  categories: ["all"],
  namespaced: true,
  columns: podColumns,
  applyDefaults: (object) => defaultPod(object as Pod),
  validate: validatePod,
  validateStatus: validatePodStatus,
  // Being given a node is not a change of what is wanted.
  keepsGeneration: (object, old) => {
    const { nodeName: _now, ...now } = (object as Pod).spec;
    const { nodeName, ...before } = (old as Pod).spec;
    return !nodeName && jsonEqual(now, before);
  },
  subresources: {
    status: true,
    others: [
      { name: "log", kind: "Pod", verbs: ["get"] },
      { name: "exec", kind: "PodExecOptions", verbs: ["create", "get"] },
      { name: "attach", kind: "PodAttachOptions", verbs: ["create", "get"] },
      { name: "proxy", kind: "PodProxyOptions", verbs: ["create", "delete", "get", "patch", "update"] },
      { name: "portforward", kind: "PodPortForwardOptions", verbs: ["create", "get"] },
      { name: "eviction", kind: "Eviction", group: "policy", version: "v1", verbs: ["create"] },
      { name: "ephemeralcontainers", kind: "Pod", verbs: ["get", "patch", "update"] },
      { name: "resize", kind: "Pod", verbs: ["get", "patch", "update"] },
      { name: "binding", kind: "Binding", verbs: ["create"] },
    ],
  },
  selectableFields: [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
  ],
  // As upstream: it may be asked for, and is never anything.
  computedFields: { "status.podIPs": () => "" },
  gracePeriodSeconds: (object) => {
    const { spec, status } = object as Pod;
    // What runs nowhere has nothing to say goodbye to.
    if (!spec.nodeName || status?.phase === "Succeeded" || status?.phase === "Failed") return undefined;
    return spec.terminationGracePeriodSeconds ?? 30;
  },
});
