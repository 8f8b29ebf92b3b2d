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
  numbers,
  object,
  objects,
  pointer,
  quantityMap,
  text,
  time,
} from "../fields.ts";
import { resourceRequirements } from "./container-fields.ts";

const podCondition: Message = message("One thing that is true or not about the Pod.", {
  type: text(1, "What: PodScheduled, Initialized, ContainersReady, Ready, HardwareVirtualization, …", needed),
  observedGeneration: int64(7, "Generation of the Pod this is about."),
  status: text(2, "True, False or Unknown.", needed),
  lastProbeTime: time(3, "Not used."),
  lastTransitionTime: time(4, "Since when."),
  reason: text(5, "Why, as one word."),
  message: text(6, "Why, for people."),
});

const hostIP: Message = message("An address of the box.", {
  ip: text(1, "The address.", needed),
});

const podIP: Message = message("An address of the Pod.", {
  ip: text(1, "The address.", needed),
});

const containerStateWaiting: Message = message("Not started yet, or about to be started again.", {
  reason: text(1, "Why, as one word: ContainerCreating, CrashLoopBackOff, ImagePullBackOff, …"),
  message: text(2, "Why, for people."),
});

const containerStateRunning: Message = message("Runs.", {
  startedAt: time(1, "Since when."),
});

const containerStateTerminated: Message = message("Has ended.", {
  exitCode: int32(1, "Exit code; 128 and the signal when a signal ended it.", { ...needed, default: 0 }),
  signal: int32(2, "The signal that ended it."),
  reason: text(3, "Why, as one word: Completed, Error, OOMKilled, …"),
  message: text(4, "Why, for people."),
  startedAt: time(5, "When it had started."),
  finishedAt: time(6, "When it ended."),
  containerID: text(7, "Its ID."),
});

const containerState: Message = message("Exactly one of these; none means waiting.", {
  waiting: object(1, containerStateWaiting, "Not started yet, or about to be started again.", pointer),
  running: object(2, containerStateRunning, "Runs.", pointer),
  terminated: object(3, containerStateTerminated, "Has ended.", pointer),
});

const volumeMountStatus: Message = message("A volume as a container has it.", {
  name: text(1, "Its name.", needed),
  mountPath: text(2, "Where.", needed),
  readOnly: flag(3, "Whether it cannot be written."),
  recursiveReadOnly: text(4, "Whether it is read only all the way down.", pointer),
});

const linuxContainerUser: Message = message("Who its first process is.", {
  uid: int64(1, "User ID.", needed),
  gid: int64(2, "Group ID.", needed),
  supplementalGroups: numbers(3, "Further groups.", atomic),
});

const containerUser: Message = message("Who its first process is.", {
  linux: object(1, linuxContainerUser, "On Linux.", pointer),
});

const resourceHealth: Message = message("How a device is.", {
  resourceID: text(1, "The device.", needed),
  health: text(2, "Healthy, Unhealthy or Unknown."),
});

const resourceStatus: Message = message("How the devices of one kind are.", {
  name: text(1, "The kind.", needed),
  resources: objects(2, resourceHealth, "The devices.", {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["resourceID"],
  }),
});

const podResourceClaimStatus: Message = message("The claim that was made for a Pod's claim.", {
  name: text(1, "The Pod's claim.", needed),
  resourceClaimName: text(2, "The claim.", pointer),
});

const containerExtendedResourceRequest: Message = message("A device that a container has.", {
  containerName: text(1, "The container.", needed),
  resourceName: text(2, "The kind of device.", needed),
  requestName: text(3, "The request in the claim.", needed),
});

const podExtendedResourceClaimStatus: Message = message("The claim for a Pod's devices.", {
  requestMappings: objects(1, containerExtendedResourceRequest, "Which container has which.", atomic),
  resourceClaimName: text(2, "The claim.", needed),
});

const containerStatus: Message = message("How one container is.", {
  name: text(1, "Its name.", needed),
  state: object(2, containerState, "How it is."),
  lastState: object(3, containerState, "How it was before its last restart."),
  ready: flag(4, "Whether its readiness probe succeeds, or it has none and runs.", {
    ...needed,
    default: false,
  }),
  restartCount: int32(5, "How often it was started again.", { ...needed, default: 0 }),
  image: text(6, "The image it runs.", needed),
  imageID: text(7, "The image with its digest.", needed),
  containerID: text(8, "Its ID."),
  started: flag(9, "Whether it has started and its startup probe succeeded.", pointer),
  allocatedResources: quantityMap(10, "What the node has given it."),
  resources: object(11, resourceRequirements, "What it has.", pointer),
  volumeMounts: objects(12, volumeMountStatus, "Volumes it has.", byKeys("mountPath")),
  user: object(13, containerUser, "Who its first process is.", pointer),
  allocatedResourcesStatus: objects(14, resourceStatus, "How its devices are.", byKeys("name")),
  stopSignal: text(15, "Signal that asks it to end.", pointer),
});

export const podStatus: Message = message("How the Pod is, as its node last said.", {
  observedGeneration: int64(17, "Generation of the Pod this is about."),
  phase: text(1, "Pending, Running, Succeeded, Failed or Unknown."),
  conditions: objects(2, podCondition, "What is true or not about it.", byKeys("type")),
  message: text(3, "Why it is so, for people."),
  reason: text(4, "Why it is so, as one word."),
  nominatedNodeName: text(11, "Node it is about to be placed on."),
  hostIP: text(5, "Address of its box."),
  hostIPs: objects(16, hostIP, "Addresses of its box.", {
    ...atomic,
    "x-kubernetes-patch-strategy": "merge",
    "x-kubernetes-patch-merge-key": "ip",
  }),
  podIP: text(6, "Its address in its node's network."),
  podIPs: objects(12, podIP, "Its addresses in its node's network.", byKeys("ip")),
  startTime: time(7, "When its node began with it.", pointer),
  initContainerStatuses: objects(10, containerStatus, "Its init containers.", atomic),
  containerStatuses: objects(8, containerStatus, "Its containers.", atomic),
  qosClass: text(9, "Guaranteed, Burstable or BestEffort, by its resources."),
  ephemeralContainerStatuses: objects(13, containerStatus, "Its containers for debugging.", atomic),
  resize: text(14, "How far a change of resources is."),
  resourceClaimStatuses: objects(
    15,
    podResourceClaimStatus,
    "Its claims on devices.",
    byKeysRetaining("name"),
  ),
  extendedResourceClaimStatus: object(
    18,
    podExtendedResourceClaimStatus,
    "The claim for its devices.",
    pointer,
  ),
  allocatedResources: quantityMap(19, "What its node has given it."),
  resources: object(20, resourceRequirements, "What it has.", pointer),
});
