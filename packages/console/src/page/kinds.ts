import type { KindRef } from "@selvedge/client";

/**
 * What the page asks for. Their definitions, with schemas and rules, are for who writes objects: a page that
 * loaded them would load a hundred files for five names.
 */
export const nodes: KindRef = {
  ...{ group: "", version: "v1", kind: "Node", plural: "nodes", namespaced: false },
};
export const pods: KindRef = {
  ...{ group: "", version: "v1", kind: "Pod", plural: "pods", namespaced: true },
};
export const events: KindRef = {
  ...{ group: "", version: "v1", kind: "Event", plural: "events", namespaced: true },
};
export const edgeNodes: KindRef = {
  ...{ group: "selvedge.dev", version: "v1alpha1", kind: "EdgeNode", plural: "edgenodes", namespaced: false },
};
export const accessReviews: KindRef = {
  ...{ group: "authorization.k8s.io", version: "v1", kind: "SelfSubjectAccessReview" },
  ...{ plural: "selfsubjectaccessreviews", namespaced: false },
};
