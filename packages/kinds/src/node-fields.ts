import {
  atomic,
  byKeys,
  flag,
  int32,
  int64,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  quantityMap,
  set,
  text,
  texts,
  time,
} from "./fields.ts";

const taint: Message = message("Keeps Pods away that do not tolerate it.", {
  key: text(1, "Its key.", needed),
  value: text(2, "Its value."),
  effect: text(
    3,
    "NoSchedule, PreferNoSchedule, or NoExecute, which also ends Pods of DaemonSets that run.",
    needed,
  ),
  timeAdded: time(4, "When it was added.", pointer),
});

const configMapNodeConfigSource: Message = message("Not used any more.", {
  namespace: text(1, "Not used any more.", needed),
  name: text(2, "Not used any more.", needed),
  uid: text(3, "Not used any more."),
  resourceVersion: text(4, "Not used any more."),
  kubeletConfigKey: text(5, "Not used any more.", needed),
});

const nodeConfigSource: Message = message("Not used any more.", {
  configMap: object(2, configMapNodeConfigSource, "Not used any more.", pointer),
});

const nodeConfigStatus: Message = message("Not used any more.", {
  assigned: object(1, nodeConfigSource, "Not used any more.", pointer),
  active: object(2, nodeConfigSource, "Not used any more.", pointer),
  lastKnownGood: object(3, nodeConfigSource, "Not used any more.", pointer),
  error: text(4, "Not used any more."),
});

const nodeRuntimeHandlerFeatures: Message = message("What a way to run Pods can.", {
  recursiveReadOnlyMounts: flag(1, "Whether mounts can be read only all the way down.", pointer),
  userNamespaces: flag(2, "Whether Pods can have users of their own.", pointer),
});

const nodeRuntimeHandler: Message = message("A way to run Pods.", {
  name: text(1, "Its name; empty for the usual one."),
  features: object(2, nodeRuntimeHandlerFeatures, "What it can.", pointer),
});

const nodeFeatures: Message = message("What the node's runtime can.", {
  supplementalGroupsPolicy: flag(1, "Whether Pods may say which further groups they are in.", pointer),
});

const nodeSwapStatus: Message = message("Memory that is on the disk.", {
  capacity: int64(1, "How many bytes.", pointer),
});

const nodeSpec: Message = message("What is wanted of the node.", {
  podCIDR: text(1, "Addresses of the node's Pods."),
  podCIDRs: texts(7, "Addresses of the node's Pods.", { ...set, "x-kubernetes-patch-strategy": "merge" }),
  providerID: text(3, "selvedge:// and the UUID the box has in the EVE API."),
  unschedulable: flag(4, "Places no new Pods: what kubectl cordon sets."),
  taints: objects(5, taint, "Keep Pods away that do not tolerate them.", atomic),
  configSource: object(6, nodeConfigSource, "Not used any more.", pointer),
  externalID: text(2, "Not used any more."),
});

const nodeCondition: Message = message("One thing that is true or not about the node.", {
  type: text(1, "What: Ready, MemoryPressure, DiskPressure, …", needed),
  status: text(2, "True, False or Unknown.", needed),
  lastHeartbeatTime: time(3, "When the node last said so."),
  lastTransitionTime: time(4, "Since when."),
  reason: text(5, "Why, as one word."),
  message: text(6, "Why, for people."),
});

const nodeAddress: Message = message("An address of the node.", {
  type: text(1, "Hostname, InternalIP, ExternalIP, InternalDNS or ExternalDNS.", needed),
  address: text(2, "The address.", needed),
});

const daemonEndpoint: Message = message("A port.", {
  Port: int32(1, "Its number.", { ...needed, default: 0 }),
});

const nodeDaemonEndpoints: Message = message(
  "Ports of the node's software: none, nothing listens on the box.",
  {
    kubeletEndpoint: object(1, daemonEndpoint, "Not used."),
  },
);

const nodeSystemInfo: Message = message("What the box is and runs.", {
  machineID: text(1, "The operating system's ID.", needed),
  systemUUID: text(2, "The hardware's ID.", needed),
  bootID: text(3, "ID of the last start.", needed),
  kernelVersion: text(4, "Version of the kernel.", needed),
  osImage: text(5, "Name of the operating system.", needed),
  containerRuntimeVersion: text(6, "What runs the apps, and its version.", needed),
  kubeletVersion: text(7, "Version of the engine.", needed),
  kubeProxyVersion: text(8, "Not used.", needed),
  operatingSystem: text(9, "linux.", needed),
  architecture: text(10, "amd64 or arm64.", needed),
  swap: object(11, nodeSwapStatus, "Memory that is on the disk.", pointer),
});

const containerImage: Message = message("An image the node has.", {
  names: texts(1, "Its names.", atomic),
  sizeBytes: int64(2, "Its size."),
});

const attachedVolume: Message = message("Not used.", {
  name: text(1, "Not used.", needed),
  devicePath: text(2, "Not used.", needed),
});

const nodeStatus: Message = message("How the node is, as it last said.", {
  capacity: quantityMap(1, "What the box has."),
  allocatable: quantityMap(2, "What Pods may use of it."),
  phase: text(3, "Not used any more."),
  conditions: objects(4, nodeCondition, "What is true or not about it.", byKeys("type")),
  addresses: objects(5, nodeAddress, "Its addresses.", byKeys("type")),
  daemonEndpoints: object(6, nodeDaemonEndpoints, "Ports of the node's software."),
  nodeInfo: object(7, nodeSystemInfo, "What the box is and runs."),
  images: objects(8, containerImage, "Images it has.", atomic),
  volumesInUse: texts(9, "Not used.", atomic),
  volumesAttached: objects(10, attachedVolume, "Not used.", atomic),
  config: object(11, nodeConfigStatus, "Not used any more.", pointer),
  runtimeHandlers: objects(12, nodeRuntimeHandler, "Ways to run Pods.", atomic),
  features: object(13, nodeFeatures, "What its runtime can.", pointer),
  declaredFeatures: texts(14, "Features its engine says it has.", atomic),
});

export const node: Message = kindMessage(
  "A box as Kubernetes tools know it. The controller keeps one for each EdgeNode that enrolled.",
  {
    spec: object(2, nodeSpec, "What is wanted of it."),
    status: object(3, nodeStatus, "How it is."),
  },
);
