import {
  atomic,
  byKeys,
  byKeysRetaining,
  flag,
  int32,
  int64,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  quantityMap,
  text,
  textMap,
  texts,
} from "../fields.ts";
import { localObjectReference, objectMeta } from "../meta-fields.ts";
import { container, ephemeralContainer, resourceRequirements } from "./container-fields.ts";
import { affinity, toleration, topologySpreadConstraint } from "./scheduling-fields.ts";
import { podSecurityContext } from "./security-fields.ts";
import { volume } from "./volume-fields.ts";

const hostAlias: Message = message("Names for an address, in the Pod's /etc/hosts.", {
  ip: text(1, "The address.", needed),
  hostnames: texts(2, "The names.", atomic),
});

const podDNSConfigOption: Message = message("One option of the resolver.", {
  name: text(1, "Its name."),
  value: text(2, "Its value.", pointer),
});

const podDNSConfig: Message = message("What the resolver has beside the usual, or in its place.", {
  nameservers: texts(1, "Addresses of name servers.", atomic),
  searches: texts(2, "Domains to search.", atomic),
  options: objects(3, podDNSConfigOption, "Options of the resolver.", atomic),
});

const podReadinessGate: Message = message("A condition that must be True before the Pod is ready.", {
  conditionType: text(1, "Type of the condition.", needed),
});

const podSchedulingGate: Message = message("Something that must happen before the Pod is placed.", {
  name: text(1, "Its name.", needed),
});

const podOS: Message = message("The operating system of the images.", {
  name: text(1, "linux is all there is.", needed),
});

const podResourceClaim: Message = message("A claim on a device: not done.", {
  name: text(1, "Its name in the Pod.", needed),
  resourceClaimName: text(3, "The claim.", pointer),
  resourceClaimTemplateName: text(4, "What the claim is made from.", pointer),
});

const workloadReference: Message = message("The Pods it is placed together with: not done.", {
  name: text(1, "The Workload.", needed),
  podGroup: text(2, "The group in it.", needed),
  podGroupReplicaKey: text(3, "Which copy of the group."),
});

export const podSpec: Message = message("What runs: containers that share a virtual machine on one node.", {
  volumes: objects(1, volume, "Folders that containers can mount.", byKeysRetaining("name")),
  initContainers: objects(
    20,
    container,
    "Containers that run one after the other, each to its end, before the others start.",
    byKeys("name"),
  ),
  containers: objects(2, container, "The containers. At least one.", byKeys("name"), needed),
  ephemeralContainers: objects(
    34,
    ephemeralContainer,
    "Containers that came while it ran, for debugging: kubectl debug.",
    byKeys("name"),
  ),
  restartPolicy: text(
    3,
    "When a container that ended is started again: Always, OnFailure or Never. Always when not said.",
  ),
  terminationGracePeriodSeconds: int64(
    4,
    "How long the Pod may take to end before it is killed. 30 when not said.",
    pointer,
  ),
  activeDeadlineSeconds: int64(
    5,
    "How long the Pod may run before it is ended and counts as Failed.",
    pointer,
  ),
  dnsPolicy: text(
    6,
    "ClusterFirst knows the Services of the node, Default only what the node knows, None what dnsConfig says.",
  ),
  nodeSelector: textMap(7, "Labels the node must have.", { "x-kubernetes-map-type": "atomic" }),
  serviceAccountName: text(8, "Who the Pod is to the API; default when empty."),
  serviceAccount: text(9, "Old name of serviceAccountName."),
  automountServiceAccountToken: flag(
    21,
    "Whether each container finds a token for the API; what the account says when not set.",
    pointer,
  ),
  nodeName: text(10, "The node it runs on. Set by the scheduler, or by you to pass it by."),
  hostNetwork: flag(11, "Not done when true: an app is never in the box's own network."),
  hostPID: flag(12, "Not done when true: an app never sees the box's processes."),
  hostIPC: flag(13, "Not done when true: an app shares no memory with the box."),
  shareProcessNamespace: flag(27, "Whether containers see each other's processes.", pointer),
  securityContext: object(14, podSecurityContext, "Who the processes are.", pointer),
  imagePullSecrets: objects(
    15,
    localObjectReference,
    "Secrets of type kubernetes.io/dockerconfigjson with the credentials of registries.",
    byKeys("name"),
  ),
  hostname: text(16, "Host name; the Pod's name when not said."),
  subdomain: text(17, "The headless Service below which the Pod has a name of its own, on its node."),
  affinity: object(18, affinity, "Where the Pod wants to be.", pointer),
  schedulerName: text(
    19,
    "Who places it. default-scheduler when not said; another is left to whoever has that name.",
  ),
  tolerations: objects(22, toleration, "Taints that do not keep it away.", atomic),
  hostAliases: objects(23, hostAlias, "Further lines of /etc/hosts.", byKeys("ip")),
  priorityClassName: text(24, "The PriorityClass that says which apps of a full box it comes before."),
  priority: int32(25, "Set from priorityClassName.", pointer),
  dnsConfig: object(26, podDNSConfig, "Resolvers, search domains and options beside the usual.", pointer),
  readinessGates: objects(
    28,
    podReadinessGate,
    "Conditions that must be True, beside its containers being ready, for the Pod to be so.",
    atomic,
  ),
  runtimeClassName: text(29, "How it is isolated: microvm, which is what it is when not said.", pointer),
  enableServiceLinks: flag(30, "Kept; no variables of Services are made.", pointer),
  preemptionPolicy: text(31, "PreemptLowerPriority, or Never: nobody goes for it.", pointer),
  overhead: quantityMap(32, "Set by the server from the runtime class."),
  topologySpreadConstraints: objects(
    33,
    topologySpreadConstraint,
    "Spreads Pods over groups of nodes.",
    byKeys("topologyKey", "whenUnsatisfiable"),
  ),
  setHostnameAsFQDN: flag(35, "Whether the host calls itself by its whole name.", pointer),
  os: object(36, podOS, "The operating system of the images.", pointer),
  hostUsers: flag(37, "A VM of its own has no users of the box, so false is kept and always true.", pointer),
  schedulingGates: objects(
    38,
    podSchedulingGate,
    "Keeps it from being placed until the list is empty.",
    byKeys("name"),
  ),
  resourceClaims: objects(39, podResourceClaim, "Claims on devices: not done.", byKeysRetaining("name")),
  resources: object(
    40,
    resourceRequirements,
    "Resources of the whole Pod: not done, say them by container.",
    pointer,
  ),
  hostnameOverride: text(41, "Not done: use hostname.", pointer),
  workloadRef: object(42, workloadReference, "Not done: each Pod is placed by itself.", pointer),
});

export const podTemplateSpec: Message = message("What Pods are made from.", {
  metadata: object(1, objectMeta, "Labels and annotations of the Pods."),
  spec: object(2, podSpec, "What runs."),
});
