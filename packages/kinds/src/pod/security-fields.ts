import {
  atomic,
  flag,
  int64,
  type Message,
  message,
  needed,
  numbers,
  object,
  objects,
  pointer,
  text,
  texts,
} from "../fields.ts";

const capabilities: Message = message("Linux capabilities of the container's root, who is not the box's.", {
  add: texts(1, "Capabilities to add to those that root has anyhow.", atomic),
  drop: texts(2, "Capabilities to drop; ALL drops every one that is not added.", atomic),
});

const seLinuxOptions: Message = message(
  "SELinux labels: the guest has no SELinux, so these are kept and mean nothing.",
  {
    user: text(1, "User."),
    role: text(2, "Role."),
    type: text(3, "Type."),
    level: text(4, "Level."),
  },
);

const seccompProfile: Message = message("Filter of system calls: kept, the virtual machine is the filter.", {
  type: text(
    1,
    "RuntimeDefault or Unconfined. Localhost is not done: there is no profile on the box.",
    needed,
  ),
  localhostProfile: text(2, "Name of a profile on the box.", pointer),
});

const appArmorProfile: Message = message("AppArmor profile: kept, the virtual machine is the wall.", {
  type: text(
    1,
    "RuntimeDefault or Unconfined. Localhost is not done: there is no profile on the box.",
    needed,
  ),
  localhostProfile: text(2, "Name of a profile on the box.", pointer),
});

const windowsSecurityContextOptions: Message = message("What Windows' containers are asked for: not done.", {
  gmsaCredentialSpecName: text(1, "Name of an account's credentials.", pointer),
  gmsaCredentialSpec: text(2, "An account's credentials.", pointer),
  runAsUserName: text(3, "Name of the first process's user.", pointer),
  hostProcess: flag(4, "Whether it is a process of the host's.", pointer),
});

export const securityContext: Message = message(
  "Who the container's processes are and what they may do. Its VM is the real wall.",
  {
    capabilities: object(1, capabilities, "Linux capabilities to add or drop.", pointer),
    privileged: flag(
      2,
      "Not done when true: a container never reaches the box, and is root in its VM if its image says so.",
      pointer,
    ),
    seLinuxOptions: object(3, seLinuxOptions, "Kept: the guest has no SELinux.", pointer),
    windowsOptions: object(10, windowsSecurityContextOptions, "Not done: images are Linux images.", pointer),
    runAsUser: int64(4, "User ID of the first process; the image's when not said.", pointer),
    runAsGroup: int64(8, "Group ID of the first process; the image's when not said.", pointer),
    runAsNonRoot: flag(5, "Refuse to start as user 0.", pointer),
    readOnlyRootFilesystem: flag(6, "Mount the image without a writable layer.", pointer),
    allowPrivilegeEscalation: flag(7, "Whether a process may gain more rights than its parent.", pointer),
    procMount: text(9, "Default is all there is.", pointer),
    seccompProfile: object(
      11,
      seccompProfile,
      "Filter of system calls: kept, the virtual machine is the filter.",
      pointer,
    ),
    appArmorProfile: object(
      12,
      appArmorProfile,
      "AppArmor profile: kept, the virtual machine is the wall.",
      pointer,
    ),
  },
);

const sysctl: Message = message("A kernel parameter.", {
  name: text(1, "Its name.", needed),
  value: text(2, "Its value.", { ...needed, default: "" }),
});

export const podSecurityContext: Message = message(
  "Who the processes of all containers are, unless a container says otherwise.",
  {
    seLinuxOptions: object(1, seLinuxOptions, "Kept: the guest has no SELinux.", pointer),
    windowsOptions: object(8, windowsSecurityContextOptions, "Not done: images are Linux images.", pointer),
    runAsUser: int64(2, "User ID of the first processes; the images' when not said.", pointer),
    runAsGroup: int64(6, "Group ID of the first processes; the images' when not said.", pointer),
    runAsNonRoot: flag(3, "Refuse to start as user 0.", pointer),
    supplementalGroups: numbers(4, "Further groups of the first processes.", atomic),
    supplementalGroupsPolicy: text(12, "Merge, with the image's own groups, or Strict.", pointer),
    fsGroup: int64(5, "Group that owns the files of volumes; the processes are in it.", pointer),
    sysctls: objects(7, sysctl, "Parameters of the Pod's own kernel.", atomic),
    fsGroupChangePolicy: text(9, "When to change the files' group: OnRootMismatch or Always.", pointer),
    seccompProfile: object(
      10,
      seccompProfile,
      "Filter of system calls: kept, the virtual machine is the filter.",
      pointer,
    ),
    appArmorProfile: object(
      11,
      appArmorProfile,
      "AppArmor profile: kept, the virtual machine is the wall.",
      pointer,
    ),
    seLinuxChangePolicy: text(13, "Kept: the guest has no SELinux.", pointer),
  },
);
