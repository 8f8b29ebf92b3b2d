/**
 * Who may do what, said again and otherwise than in the code: not as rules of roles but as what a person with
 * a role is told they get. `authorization-matrix` holds the server to it.
 */

/** One question, as a path and a verb pose it. */
export interface Question {
  readonly verb: string;
  readonly group: string;
  /** `pods`, or `pods/log`. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

export type Model = (question: Question) => boolean;

const reading = ["get", "list", "watch"];
const writing = ["create", "update", "patch", "delete", "deletecollection"];

/** `r` may be read, `w` written, `c` created only; each grade has all of the one before it. */
type Grades = readonly [view: string, edit: string, admin: string];

const seen: Grades = ["r", "r", "r"];
const used: Grades = ["r", "rw", "rw"];
const hidden: Grades = ["", "rw", "rw"];

/** By group, then resource: what view, edit and admin of a namespace get. What is not here they do not. */
const namespaced: Readonly<Record<string, Readonly<Record<string, Grades>>>> = {
  "": {
    configmaps: used,
    events: used,
    persistentvolumeclaims: used,
    "persistentvolumeclaims/status": seen,
    pods: used,
    "pods/log": seen,
    "pods/status": seen,
    "pods/attach": hidden,
    "pods/exec": hidden,
    "pods/portforward": hidden,
    "pods/proxy": hidden,
    "pods/eviction": ["", "c", "c"],
    secrets: hidden,
    serviceaccounts: used,
    "serviceaccounts/token": ["", "c", "c"],
    services: used,
    "services/status": seen,
    replicationcontrollers: used,
    "replicationcontrollers/scale": used,
    "replicationcontrollers/status": seen,
    limitranges: seen,
    resourcequotas: seen,
    "resourcequotas/status": seen,
    // A namespace counts as in itself.
    namespaces: seen,
    "namespaces/status": seen,
    bindings: seen,
    endpoints: seen,
  },
  apps: {
    controllerrevisions: seen,
    daemonsets: used,
    "daemonsets/status": seen,
    deployments: used,
    "deployments/status": seen,
    "deployments/scale": used,
    replicasets: used,
    "replicasets/status": seen,
    "replicasets/scale": used,
    statefulsets: used,
    "statefulsets/status": seen,
    "statefulsets/scale": used,
  },
  batch: { jobs: used, "jobs/status": seen, cronjobs: used, "cronjobs/status": seen },
  "coordination.k8s.io": { leases: hidden },
  "discovery.k8s.io": { endpointslices: seen },
  autoscaling: { horizontalpodautoscalers: used, "horizontalpodautoscalers/status": seen },
  policy: { poddisruptionbudgets: used, "poddisruptionbudgets/status": seen },
  "networking.k8s.io": { networkpolicies: used, ingresses: used, "ingresses/status": seen },
  "metrics.k8s.io": { pods: seen },
  "selvedge.dev": { patchenvelopes: used, "patchenvelopes/status": seen },
  "rbac.authorization.k8s.io": { roles: ["", "", "rw"], rolebindings: ["", "", "rw"] },
  "authorization.k8s.io": { localsubjectaccessreviews: ["", "", "c"] },
};

function graded(grade: number, { verb, group, resource }: Question): boolean {
  const letters = namespaced[group]?.[resource]?.[grade] ?? "";
  if (reading.includes(verb)) return letters.includes("r");
  return writing.includes(verb) && (letters.includes("w") || (verb === "create" && letters.includes("c")));
}

/** What everybody may who is somebody. */
function selfReview({ verb, group, resource }: Question): boolean {
  const selves = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"];
  if (verb !== "create") return false;
  if (group === "authorization.k8s.io") return selves.includes(resource);
  return group === "authentication.k8s.io" && resource === "selfsubjectreviews";
}

function somebody(model: Model): Model {
  return (question) => selfReview(question) || model(question);
}

export function everything(): Model {
  return somebody(() => true);
}

export function nothing(): Model {
  return somebody(() => false);
}

type Grade = "view" | "edit" | "admin";
const grades: readonly Grade[] = ["view", "edit", "admin"];

export function within(grade: Grade, namespace: string): Model {
  return somebody((question) => question.namespace === namespace && graded(grades.indexOf(grade), question));
}

export function everywhere(grade: Grade): Model {
  return somebody((question) => graded(grades.indexOf(grade), question));
}

/** A role of one's own: Pods are read, one ConfigMap is changed. */
export function robot(namespace: string, configMap: string): Model {
  return somebody(({ verb, group, resource, namespace: at, name }) => {
    if (group !== "" || at !== namespace) return false;
    if (resource === "pods") return verb === "get" || verb === "list";
    return resource === "configmaps" && (verb === "update" || verb === "get") && name === configMap;
  });
}

export interface NodeThings {
  readonly node: string;
  /** Where its Pod is, what it is called, and what it refers to. */
  readonly namespace: string;
  readonly pod: string;
  readonly secret: string;
  readonly configMap: string;
  readonly account: string;
}

/** A box: what is its own, and little else. */
export function node(own: NodeThings): Model {
  return somebody((question) => {
    const { verb, group, resource, namespace, name } = question;
    const reads = reading.includes(verb);
    const here = namespace === own.namespace;
    switch (`${group}/${resource}`) {
      case "/nodes":
        return verb === "create" || (name === own.node && (reads || verb === "update" || verb === "patch"));
      case "/nodes/status":
        return name === own.node && ["get", "update", "patch"].includes(verb);
      case "/pods":
        return here && name === own.pod && (reads || verb === "delete");
      case "/pods/status":
        return here && name === own.pod && ["update", "patch"].includes(verb);
      case "/pods/eviction":
        return here && name === own.pod && verb === "create";
      case "/secrets":
        return here && name === own.secret && reads;
      case "/configmaps":
        return here && name === own.configMap && reads;
      case "/serviceaccounts":
        return here && name === own.account && verb === "get";
      case "/serviceaccounts/token":
        return here && name === own.account && verb === "create";
      case "/services":
        return reads;
      case "/events":
      case "events.k8s.io/events":
        return ["create", "update", "patch"].includes(verb);
      case "node.k8s.io/runtimeclasses":
        return reads;
      case "certificates.k8s.io/certificatesigningrequests":
        return reads || verb === "create";
      case "authentication.k8s.io/tokenreviews":
      case "authorization.k8s.io/subjectaccessreviews":
      case "authorization.k8s.io/localsubjectaccessreviews":
        return verb === "create";
      default:
        return false;
    }
  });
}
