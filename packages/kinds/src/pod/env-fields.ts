import {
  embedded,
  flag,
  type Message,
  mapAtomic,
  message,
  needed,
  object,
  pointer,
  quantity,
  text,
} from "../fields.ts";
import { localObjectReference } from "../meta-fields.ts";

export const objectFieldSelector: Message = message(
  "A field of the Pod itself.",
  {
    apiVersion: text(1, "Version the path is written for; v1 when not said."),
    fieldPath: text(
      2,
      "Path of the field: metadata.name, metadata.labels['key'], spec.nodeName, status.podIP, …",
      needed,
    ),
  },
  mapAtomic,
);

export const resourceFieldSelector: Message = message(
  "How much of a resource a container has.",
  {
    containerName: text(1, "The container; needed in volumes, the container itself in env."),
    resource: text(2, "limits. or requests. and cpu, memory or ephemeral-storage: limits.cpu.", needed),
    divisor: quantity(
      3,
      "Unit of the answer: 1 when not said, 1m for thousandths of a CPU, 1Mi for mebibytes.",
    ),
  },
  mapAtomic,
);

const configMapKeySelector: Message = message(
  "One key of a ConfigMap.",
  {
    localObjectReference: embedded(1, localObjectReference),
    key: text(2, "The key.", needed),
    optional: flag(3, "Whether the container starts without the ConfigMap or the key.", pointer),
  },
  mapAtomic,
);

const secretKeySelector: Message = message(
  "One key of a Secret. It travels encrypted to the node and is opened in the VM's memory only.",
  {
    localObjectReference: embedded(1, localObjectReference),
    key: text(2, "The key.", needed),
    optional: flag(3, "Whether the container starts without the Secret or the key.", pointer),
  },
  mapAtomic,
);

const fileKeySelector: Message = message(
  "One key of a file in an emptyDir volume: not done.",
  {
    volumeName: text(1, "The volume.", needed),
    path: text(2, "Path of the file in it.", needed),
    key: text(3, "The key.", needed),
    optional: flag(4, "Whether the container starts without the file or the key.", {
      ...pointer,
      default: false,
    }),
  },
  mapAtomic,
);

const envVarSource: Message = message("Where the value comes from: exactly one of these.", {
  fieldRef: object(1, objectFieldSelector, "A field of the Pod.", pointer),
  resourceFieldRef: object(2, resourceFieldSelector, "An amount of a container's resources.", pointer),
  configMapKeyRef: object(3, configMapKeySelector, "A key of a ConfigMap.", pointer),
  secretKeyRef: object(4, secretKeySelector, "A key of a Secret.", pointer),
  fileKeyRef: object(5, fileKeySelector, "A file of an emptyDir volume: not done.", pointer),
});

export const envVar: Message = message("One variable of the environment.", {
  name: text(1, "Its name.", needed),
  value: text(2, "Its value. $(NAME) stands for a variable listed before, $$ for $."),
  valueFrom: object(3, envVarSource, "Where its value comes from, instead of value.", pointer),
});

const configMapEnvSource: Message = message("All keys of a ConfigMap.", {
  localObjectReference: embedded(1, localObjectReference),
  optional: flag(2, "Whether the container starts without the ConfigMap.", pointer),
});

const secretEnvSource: Message = message("All keys of a Secret.", {
  localObjectReference: embedded(1, localObjectReference),
  optional: flag(2, "Whether the container starts without the Secret.", pointer),
});

export const envFromSource: Message = message("All keys of one ConfigMap or Secret as variables.", {
  prefix: text(1, "Put before each name."),
  configMapRef: object(2, configMapEnvSource, "The ConfigMap.", pointer),
  secretRef: object(3, secretEnvSource, "The Secret.", pointer),
});
