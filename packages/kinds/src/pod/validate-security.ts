/**
 * Who processes are and what they may do. What weakens the wall between app and box is not done; what the
 * virtual machine makes needless is accepted.
 */
import { dnsSubdomainFaults } from "@selvedge/apimachinery";
import { type Faults, relativePathFaults } from "../faults.ts";
import { isCapability } from "./capabilities.ts";
import type { SecurityContext } from "./container-types.ts";
import type { PodSecurityContext, PodSpec } from "./pod-types.ts";
import { checkWindowsOptions } from "./validate-windows.ts";

const idMax = 2_147_483_647;

type Profile = NonNullable<SecurityContext["seccompProfile"]>;

export function checkSecurity(faults: Faults, path: string, context: SecurityContext | undefined): void {
  if (context === undefined) return;
  checkShared(faults, path, context);
  if (context.privileged) {
    faults.gap(
      `${path}.privileged`,
      "a container never reaches the box; it may be root in its virtual machine",
    );
  }
  // Whatever it is, it is so within the Pod's own virtual machine, and no further (docs/decisions/0230).
  for (const [index, name] of (context.capabilities?.add ?? []).entries()) {
    if (isCapability(name)) continue;
    faults.gap(`${path}.capabilities.add[${index}]`, "Linux has no capability of that name");
  }
  if (context.allowPrivilegeEscalation === false) checkEscalation(faults, path, context);
}

function checkEscalation(faults: Faults, path: string, context: SecurityContext): void {
  const cannot = "cannot set `allowPrivilegeEscalation` to false and";
  if (context.privileged) faults.invalid(path, context, `${cannot} \`privileged\` to true`);
  if (context.capabilities?.add?.includes("CAP_SYS_ADMIN")) {
    faults.invalid(path, context, `${cannot} \`capabilities.Add\` CAP_SYS_ADMIN`);
  }
}

/** How much of /proc is shown: all of it only where users are the Pod's own. */
export function checkProcMount(
  faults: Faults,
  path: string,
  mount: string | undefined,
  hostUsers: boolean | undefined,
): void {
  if (mount === undefined || mount === "Default") return;
  faults.oneOf(path, mount, ["Default", "Unmasked"]);
  if (mount !== "Unmasked") return;
  if (hostUsers === false) faults.gap(path, "say Default");
  else faults.invalid(path, mount, "`hostUsers` must be false to use `Unmasked`");
}

export function checkPodSecurity(
  faults: Faults,
  path: string,
  context: PodSecurityContext | undefined,
): void {
  if (context === undefined) return;
  checkShared(faults, path, context);
  checkId(faults, `${path}.fsGroup`, context.fsGroup);
  for (const [index, group] of (context.supplementalGroups ?? []).entries()) {
    checkId(faults, `${path}.supplementalGroups[${index}]`, group);
  }
  checkSysctls(faults, `${path}.sysctls`, context.sysctls);
  const { fsGroupChangePolicy, supplementalGroupsPolicy, seLinuxChangePolicy } = context;
  if (fsGroupChangePolicy !== undefined) {
    faults.oneOf(`${path}.fsGroupChangePolicy`, fsGroupChangePolicy, ["Always", "OnRootMismatch"]);
  }
  if (supplementalGroupsPolicy !== undefined) {
    faults.oneOf(`${path}.supplementalGroupsPolicy`, supplementalGroupsPolicy, ["Merge", "Strict"]);
  }
  if (seLinuxChangePolicy !== undefined) {
    faults.oneOf(`${path}.seLinuxChangePolicy`, seLinuxChangePolicy, ["MountOption", "Recursive"]);
  }
}

const sysctlName = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const sysctlRule =
  "must have at most 253 characters and match regex " +
  "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

/** Each is of the Pod's own kernel: none is unsafe. */
function checkSysctls(faults: Faults, path: string, sysctls: PodSecurityContext["sysctls"] = []): void {
  const names = new Set<string>();
  for (const [index, { name }] of sysctls.entries()) {
    const at = `${path}[${index}].name`;
    if (!name) faults.required(at);
    else if (name.length > sysctlMax || !sysctlName.test(name)) faults.invalid(at, name, sysctlRule);
    else if (names.has(name)) faults.duplicate(at, name);
    names.add(name);
  }
}

const sysctlMax = 253;

function checkShared(faults: Faults, path: string, context: SecurityContext | PodSecurityContext): void {
  checkId(faults, `${path}.runAsUser`, context.runAsUser);
  checkId(faults, `${path}.runAsGroup`, context.runAsGroup);
  if (context.runAsNonRoot && context.runAsUser === 0) {
    faults.invalid(`${path}.runAsUser`, 0, "must not be 0 when `runAsNonRoot` is true");
  }
  if (context.windowsOptions !== undefined) {
    checkWindowsOptions(faults, `${path}.windowsOptions`, context.windowsOptions);
    faults.gap(`${path}.windowsOptions`, "images are Linux images");
  }
  checkProfile(faults, `${path}.seccompProfile`, context.seccompProfile);
  checkProfile(faults, `${path}.appArmorProfile`, context.appArmorProfile);
}

function checkId(faults: Faults, path: string, id: number | undefined): void {
  if (id !== undefined) faults.between(path, id, 0, idMax);
}

function checkProfile(faults: Faults, path: string, profile: Profile | undefined): void {
  if (profile === undefined) return;
  if (profile.type === "Localhost") {
    faults.gap(`${path}.type`, "there are no profiles on the box; say RuntimeDefault or Unconfined");
    checkLocalProfile(faults, path, profile.localhostProfile);
  } else faults.oneOf(`${path}.type`, profile.type, ["Localhost", "RuntimeDefault", "Unconfined"]);
  if (profile.localhostProfile && profile.type !== "Localhost") {
    faults.invalid(
      `${path}.localhostProfile`,
      profile.localhostProfile,
      'must only be set when `type` is "Localhost"',
    );
  }
}

/** Each of the two has words of its own for what is missing, and only one is a file's path. */
function checkLocalProfile(faults: Faults, path: string, name: string | undefined): void {
  const at = `${path}.localhostProfile`;
  if (path.endsWith("seccompProfile")) {
    if (name === undefined) faults.required(at, "must be set when seccomp type is Localhost");
    else faults.all(at, name, relativePathFaults(name));
  } else if (!name?.trim()) faults.required(at, "must be set when AppArmor type is Localhost");
  else if (name !== name.trim()) faults.invalid(at, name, "must not be padded with whitespace");
}

/** Ways out of the virtual machine, and what has no meaning in one. */
export function checkIsolation(faults: Faults, path: string, spec: PodSpec): void {
  if (spec.hostNetwork)
    faults.gap(`${path}.hostNetwork`, "an app is never in the box's network; use hostPort");
  if (spec.hostPID) faults.gap(`${path}.hostPID`, "an app never sees the box's processes");
  if (spec.hostIPC) faults.gap(`${path}.hostIPC`, "an app shares no memory with the box");
  if (spec.shareProcessNamespace && spec.hostPID) {
    const detail = "ShareProcessNamespace and HostPID cannot both be enabled";
    faults.invalid(`${path}.securityContext.shareProcessNamespace`, true, detail);
  }
  const runtime = spec.runtimeClassName;
  if (runtime !== undefined) faults.all(`${path}.runtimeClassName`, runtime, dnsSubdomainFaults(runtime));
  if (runtime !== undefined && runtime !== "microvm") {
    faults.gap(
      `${path}.runtimeClassName`,
      "each Pod has its own virtual machine; say microvm or leave it out",
    );
  }
  if (spec.os?.name === "windows") {
    faults.gap(`${path}.os.name`, "images are Linux images");
  }
  for (const [name, reason] of Object.entries(membersNotDone)) {
    if (spec[name as keyof PodSpec] !== undefined) faults.gap(`${path}.${name}`, reason);
  }
}

const membersNotDone: Readonly<Record<string, string>> = {
  resourceClaims: "devices cannot be claimed",
  resources: "say resources by container",
  hostnameOverride: "use hostname",
  workloadRef: "Pods are not placed in groups",
};
