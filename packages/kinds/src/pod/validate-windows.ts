/** What is said for Windows only, and what is not for it: in upstream's words, though no node here runs its images. */
import { dnsSubdomainFaults } from "@selvedge/apimachinery";
import { byteLength } from "../data-rules.ts";
import type { Faults } from "../faults.ts";
import type { Container, WindowsOptions } from "./container-types.ts";
import type { PodSpec } from "./pod-types.ts";

const credentialMax = 64 * 1024;
const [domainMax, userMax] = [256, 104];

const notForWindows = {
  spec: ["hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"],
  pod: [
    ...["appArmorProfile", "seLinuxOptions", "seccompProfile", "fsGroup", "fsGroupChangePolicy", "sysctls"],
    ...["runAsUser", "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy", "seLinuxChangePolicy"],
  ],
  container: [
    ...["appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem"],
    ...["privileged", "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup"],
  ],
} as const;

/** Go has no place for whether these were said: false is nothing, and so is an empty list. */
const emptyMeansUnset = new Set(["hostPID", "hostIPC", "sysctls"]);

export function checkSystem(faults: Faults, path: string, spec: PodSpec): void {
  checkHostProcesses(faults, path, spec);
  const name = spec.os?.name;
  if (spec.os === undefined) return;
  if (!name) faults.required(`${path}.os.name`);
  else if (name === "windows") checkWindows(faults, path, spec);
  else if (name === "linux") checkLinux(faults, path, spec);
  else faults.oneOf(`${path}.os`, name, ["linux", "windows"]);
}

function checkWindows(faults: Faults, path: string, spec: PodSpec): void {
  const refuse = (at: string, holder: object | undefined, names: readonly string[]): void => {
    for (const name of names) {
      const value: unknown = (holder as Record<string, unknown> | undefined)?.[name];
      const isEmpty = value === false || (Array.isArray(value) && value.length === 0);
      if (value === undefined || (isEmpty && emptyMeansUnset.has(name))) continue;
      faults.forbidden(`${at}.${name}`, "cannot be set for a windows pod");
    }
  };
  refuse(path, spec, notForWindows.spec);
  refuse(`${path}.securityContext`, spec.securityContext, notForWindows.pod);
  for (const [at, { securityContext }] of containersOf(path, spec)) {
    refuse(`${at}.securityContext`, securityContext, notForWindows.container);
  }
}

function checkLinux(faults: Faults, path: string, spec: PodSpec): void {
  for (const [at, { securityContext }] of [[path, spec] as const, ...containersOf(path, spec)]) {
    if (securityContext?.windowsOptions === undefined) continue;
    faults.forbidden(`${at}.securityContext.windowsOptions`, "windows options cannot be set for a linux pod");
  }
}

/** Processes of the host: all containers of a Pod are, or none, and they are in the host's network. */
function checkHostProcesses(faults: Faults, path: string, spec: PodSpec): void {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  const containers = containersOf(path, spec);
  let count = 0;
  for (const [at, { securityContext }] of containers) {
    const own = securityContext?.windowsOptions?.hostProcess;
    if (own ?? ofPod) count++;
    if (ofPod === undefined || own === undefined || own === ofPod) continue;
    const detail = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
    faults.invalid(`${at}.securityContext.windowsOptions.hostProcess`, own, detail);
  }
  if (count === 0) return;
  if (count !== containers.length) {
    const detail =
      "If pod contains any hostProcess containers then all containers must be HostProcess containers";
    faults.invalid(path, "", detail);
  }
  if (!spec.hostNetwork) {
    const detail = "hostNetwork must be true if pod contains any hostProcess containers";
    faults.invalid(`${path}.hostNetwork`, false, detail);
  }
}

export function checkWindowsOptions(faults: Faults, path: string, options: WindowsOptions | undefined): void {
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: credential, runAsUserName: user } = options ?? {};
  if (name !== undefined) faults.all(`${path}.gmsaCredentialSpecName`, name, dnsSubdomainFaults(name));
  if (credential !== undefined) {
    const at = `${path}.gmsaCredentialSpec`;
    if (credential === "") faults.invalid(at, credential, "gmsaCredentialSpec cannot be an empty string");
    else if (byteLength(credential) > credentialMax) {
      faults.invalid(at, credential, "gmsaCredentialSpec size must be under 64 KiB");
    }
  }
  if (user !== undefined) faults.all(`${path}.runAsUserName`, user, userFaults(user));
}

const netBiosName = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
const domainName = new RegExp(`^${label}(?:\\.${label})*$`);

function userFaults(text: string): string[] {
  if (text === "") return ["runAsUserName cannot be an empty string"];
  if (/\p{Cc}/u.test(text)) return ["runAsUserName cannot contain control characters"];
  const parts = text.split("\\");
  if (parts.length > 2) return ["runAsUserName cannot contain more than one backslash"];
  const [user = "", domain] = parts.toReversed();
  const found: string[] = [];
  if (domain !== undefined && domain.length >= domainMax)
    found.push(`runAsUserName's Domain length must be under ${domainMax} characters`);
  if (domain !== undefined && !netBiosName.test(domain) && !domainName.test(domain))
    found.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  if (user === "") found.push("runAsUserName's User cannot be empty");
  else if (user.length > userMax)
    found.push(`runAsUserName's User length must not be longer than ${userMax} characters`);
  if (/^[. ]+$/.test(user)) found.push("runAsUserName's User cannot contain only periods or spaces");
  if (/["/\\:;|=,+*?<>@[\]]/.test(user))
    found.push(`runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`);
  return found;
}

export function containersOf(path: string, spec: PodSpec): (readonly [path: string, container: Container])[] {
  return (["initContainers", "containers", "ephemeralContainers"] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, index) => [`${path}.${list}[${index}]`, container] as const),
  );
}
