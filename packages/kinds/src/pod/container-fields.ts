import {
  atomic,
  byKeys,
  embedded,
  flag,
  int32,
  type Member,
  type Message,
  message,
  needed,
  numbers,
  object,
  objects,
  pointer,
  quantityMap,
  set,
  text,
  texts,
} from "../fields.ts";
import { envFromSource, envVar } from "./env-fields.ts";
import { lifecycle, probe } from "./probe-fields.ts";
import { securityContext } from "./security-fields.ts";

const containerPort: Message = message(
  "A port that a container listens on. It is a note: ports that are not listed can be reached as well.",
  {
    name: text(1, "Name for probes and Services to refer to; unique in the Pod."),
    hostPort: int32(2, "Opens the port on the box too, under this number; a node has each only once."),
    containerPort: int32(3, "The port's number, 1 to 65535.", { ...needed, default: 0 }),
    protocol: text(4, "TCP or UDP.", { enum: ["SCTP", "TCP", "UDP"], default: "TCP" }),
    hostIP: text(5, "The box's address that hostPort is opened at; all of its uplinks' when left out."),
  },
);

const resourceClaim: Message = message("A claim on a device of the Pod: not done.", {
  name: text(1, "Name of the claim in spec.resourceClaims.", needed),
  request: text(2, "Name of the request in the claim."),
});

export const resourceRequirements: Message = message(
  "How much a container needs, and how much it may use at most.",
  {
    limits: quantityMap(
      1,
      "The most it may use, by resource: cpu, memory, ephemeral-storage. They size the Pod's virtual machine.",
    ),
    requests: quantityMap(2, "What it needs; nodes are chosen by it. The limits when not said."),
    claims: objects(3, resourceClaim, "Claims on devices: not done.", {
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
    }),
  },
);

const containerResizePolicy: Message = message("What a change of resources does to a running container.", {
  resourceName: text(1, "The resource.", needed),
  restartPolicy: text(2, "NotRequired or RestartContainer.", needed),
});

const volumeMount: Message = message("Where a volume is seen in the container.", {
  name: text(1, "Name of one of the Pod's volumes.", needed),
  readOnly: flag(2, "Whether the container may only read it."),
  recursiveReadOnly: text(7, "Disabled or IfPossible.", pointer),
  mountPath: text(3, 'Where in the container; no ":" in it.', needed),
  subPath: text(4, "A file or folder of the volume to mount instead of all of it."),
  mountPropagation: text(5, "None is all there is: a VM shares no mounts with the box.", pointer),
  subPathExpr: text(6, "As subPath, with $(NAME) replaced by variables of the environment."),
});

const volumeDevice: Message = message("A volume as a block device: not done.", {
  name: text(1, "Name of a volume.", needed),
  devicePath: text(2, "Where in the container.", needed),
});

const exitCodes: Message = message("Which exit codes.", {
  operator: text(1, "In or NotIn.", needed),
  values: numbers(2, "The codes.", { ...set, items: { type: "integer", format: "int32" } }),
});

const containerRestartRule: Message = message("What is done when a container ends with a code: not done.", {
  action: text(1, "What is done.", needed),
  exitCodes: object(2, exitCodes, "Which exit codes.", pointer),
});

const containerMembers: Readonly<Record<string, Member>> = {
  name: text(1, "Its name, unique in the Pod: a DNS label.", needed),
  image: text(
    2,
    "The image, as registry/name:tag or name@sha256:…; selvedge.internal is the controller's own registry.",
  ),
  command: texts(
    3,
    "Replaces the image's entrypoint. No shell reads it; $(NAME) stands for variables of env.",
    atomic,
  ),
  args: texts(4, "Replaces the image's command.", atomic),
  workingDir: text(5, "Where the process starts; the image's when not said."),
  ports: objects(6, containerPort, "Ports it listens on.", byKeys("containerPort", "protocol")),
  envFrom: objects(
    19,
    envFromSource,
    "ConfigMaps and Secrets whose keys become variables. env wins over it, later over earlier.",
    atomic,
  ),
  env: objects(7, envVar, "Variables of the environment.", byKeys("name")),
  resources: object(8, resourceRequirements, "How much it needs and may use."),
  resizePolicy: objects(
    23,
    containerResizePolicy,
    "What a change of its size does to it: nothing until its machine starts next, or a restart.",
    atomic,
  ),
  restartPolicy: text(
    24,
    "Always makes an init container a sidecar that goes on beside the others. Not allowed for others.",
    pointer,
  ),
  restartPolicyRules: objects(25, containerRestartRule, "Restart rules by exit code: not done.", atomic),
  volumeMounts: objects(9, volumeMount, "Volumes it sees.", byKeys("mountPath")),
  volumeDevices: objects(21, volumeDevice, "Volumes as block devices: not done.", byKeys("devicePath")),
  livenessProbe: object(10, probe, "When it fails, the container is restarted.", pointer),
  readinessProbe: object(11, probe, "While it fails, the Pod is not ready.", pointer),
  startupProbe: object(
    22,
    probe,
    "Until it succeeds, the other probes wait; when it fails, the container is restarted.",
    pointer,
  ),
  lifecycle: object(12, lifecycle, "What is done after the start and before the stop.", pointer),
  terminationMessagePath: text(
    13,
    "File whose content tells why the container ended; /dev/termination-log when not said.",
  ),
  terminationMessagePolicy: text(
    20,
    "File, or FallbackToLogsOnError: the end of the log, where there is no such file.",
  ),
  imagePullPolicy: text(
    14,
    "Always, IfNotPresent or Never. Always when the tag is latest or missing, otherwise IfNotPresent.",
  ),
  securityContext: object(15, securityContext, "Who its processes are.", pointer),
  stdin: flag(16, "Whether it has a standard input to attach to."),
  stdinOnce: flag(17, "Whether that is closed after the first attach ends."),
  tty: flag(18, "Whether it has a terminal; needs stdin."),
};

export const container: Message = message(
  "A process with its image. All containers of a Pod share one virtual machine, its network and its volumes.",
  containerMembers,
);

export const ephemeralContainer: Message = message(
  "A container that comes while the Pod runs, for debugging; it starts once.",
  {
    ephemeralContainerCommon: embedded(1, container),
    targetContainerName: text(2, "The container whose processes it sees."),
  },
);
