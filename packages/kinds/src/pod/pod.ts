import type { KindDefinition } from "@selvedge/apimachinery";
import { open } from "../open.ts";
import type { Pod } from "./pod-types.ts";

export const podKind: KindDefinition = open({
  group: "",
  version: "v1",
  kind: "Pod",
  plural: "pods",
  singular: "pod",
  shortNames: ["po"],
  categories: ["all"],
  namespaced: true,
  subresources: {
    status: true,
    others: [
      { name: "log", kind: "Pod", verbs: ["get"] },
      { name: "exec", kind: "PodExecOptions", verbs: ["create", "get"] },
      { name: "attach", kind: "PodAttachOptions", verbs: ["create", "get"] },
      { name: "portforward", kind: "PodPortForwardOptions", verbs: ["create", "get"] },
      { name: "eviction", kind: "Eviction", group: "policy", version: "v1", verbs: ["create"] },
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
    "status.podIPs",
    "status.nominatedNodeName",
  ],
  gracePeriodSeconds: (object) => {
    const { spec, status } = object as Pod;
    // What runs nowhere has nothing to say goodbye to.
    if (!spec.nodeName || status?.phase === "Succeeded" || status?.phase === "Failed") return 0;
    return spec.terminationGracePeriodSeconds ?? 30;
  },
});
