/** What is wrong with a Pod or a template, in upstream's words where upstream has some. */
import type { FieldError, KubeObject } from "@selvedge/apimachinery";
import { dnsLabelFaults, dnsSubdomainFaults, qualifiedNameFaults } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { Faults, gapTexts } from "../faults.ts";
import { isAddress, notAnAddress } from "../network/cidr.ts";
import type { Pod, PodSpec, PodTemplateSpec } from "./pod-types.ts";
import { checkContainers, checkEphemeral } from "./validate-container.ts";
import { checkResize } from "./validate-resize.ts";
import { checkScheduling } from "./validate-scheduling.ts";
import { checkIsolation, checkPodSecurity, checkProcMount } from "./validate-security.ts";
import { checkUpdate } from "./validate-update.ts";
import { checkVolumes } from "./validate-volumes.ts";
import { checkSystem, containersOf } from "./validate-windows.ts";

const secondsMax = 2_147_483_647;
const restartPolicies = ["Always", "OnFailure", "Never"];
const dnsPolicies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
/** What to do on a box without hardware virtualization, by annotation. */
const emulation = "selvedge.dev/emulation";
/** Whether its screen can be seen where a box runs EVE. */
export const screenAnnotation = "selvedge.dev/screen";

export function validatePod(
  object: KubeObject,
  old: KubeObject | undefined,
  _found?: readonly FieldError[],
  subresource?: string,
): FieldError[] {
  const faults = new Faults();
  const pod = object as Pod;
  checkAnnotations(faults, "metadata.annotations", pod.metadata.annotations);
  // Nodes write a Pod's status far more often than anybody its spec, which was checked when it was written.
  if (pod.spec === (old as Pod | undefined)?.spec) return faults.errors;
  if (old !== undefined && subresource === "ephemeralcontainers") {
    checkAdded(faults, "spec.ephemeralContainers", pod.spec, (old as Pod).spec);
    // A Pod that runs would not be changed any more because of what cannot be added to it.
    return [...faults.errors, ...faults.gaps];
  }
  checkPodSpec(faults, "spec", pod.spec);
  if (old !== undefined && subresource === "resize") {
    checkResize(faults, pod, old as Pod);
    return faults.errors;
  }
  if (old === undefined && pod.spec.ephemeralContainers?.length) {
    faults.forbidden("spec.ephemeralContainers", "cannot be set on create");
  }
  if (old !== undefined) checkUpdate(faults, pod.spec, (old as Pod).spec, subresource === "binding");
  else if (pod.spec.nodeName && pod.spec.schedulingGates?.length) {
    faults.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared");
  }
  return faults.errors;
}

/** What most owners ask of their Pods: to run for ever. */
const runsForEver: readonly string[] = ["Always"];

export function checkTemplate(
  faults: Faults,
  path: string,
  template: PodTemplateSpec,
  restarts: readonly string[] = runsForEver,
): void {
  const { metadata = {}, spec } = template;
  faults.labels(`${path}.labels`, metadata.labels);
  for (const key of Object.keys(metadata.annotations ?? {})) {
    faults.all(`${path}.annotations`, key, qualifiedNameFaults(key.toLowerCase()));
  }
  checkAnnotations(faults, `${path}.metadata.annotations`, metadata.annotations);
  checkPodSpec(faults, `${path}.spec`, spec);
  if (spec.ephemeralContainers?.length) {
    faults.forbidden(`${path}.spec.ephemeralContainers`, "ephemeral containers not allowed in pod template");
  }
  if (restarts.includes("Always") || spec.restartPolicy !== "Always") {
    faults.oneOf(`${path}.spec.restartPolicy`, spec.restartPolicy, restarts);
  } else {
    const list = restarts.map((one) => `"${one}"`).join(", ");
    faults.required(`${path}.spec.restartPolicy`, `valid values: ${list}`);
  }
}

function checkAnnotations(
  faults: Faults,
  path: string,
  annotations: Readonly<Record<string, string>> = {},
): void {
  const policy = annotations[emulation];
  if (policy !== undefined) faults.oneOf(`${path}[${emulation}]`, policy, ["allow", "refuse"]);
  const screen = annotations[screenAnnotation];
  if (screen !== undefined) faults.oneOf(`${path}[${screenAnnotation}]`, screen, ["true", "false"]);
}

function checkPodSpec(faults: Faults, path: string, spec: PodSpec): void {
  const volumes = checkVolumes(faults, `${path}.volumes`, spec.volumes);
  checkContainers(faults, path, spec, volumes);
  faults.oneOf(`${path}.restartPolicy`, spec.restartPolicy, restartPolicies);
  checkNames(faults, path, spec);
  checkPodSecurity(faults, `${path}.securityContext`, spec.securityContext);
  checkIsolation(faults, path, spec);
  checkSystem(faults, path, spec);
  for (const [at, { securityContext }] of containersOf(path, spec)) {
    checkProcMount(faults, `${at}.securityContext.procMount`, securityContext?.procMount, spec.hostUsers);
  }
  checkScheduling(faults, path, spec);
  if (spec.activeDeadlineSeconds !== undefined) {
    faults.between(`${path}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, 1, secondsMax);
  }
  if (spec.preemptionPolicy !== undefined) {
    faults.oneOf(`${path}.preemptionPolicy`, spec.preemptionPolicy, ["Never", "PreemptLowerPriority"]);
  }
}

function checkNames(faults: Faults, path: string, spec: PodSpec): void {
  faults.oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, dnsPolicies);
  checkDns(faults, `${path}.dnsConfig`, spec);
  for (const [index, { ip, hostnames = [] }] of (spec.hostAliases ?? []).entries()) {
    const at = `${path}.hostAliases[${index}]`;
    if (!isAddress(ip ?? "")) faults.invalid(`${at}.ip`, ip, notAnAddress);
    for (const name of hostnames) faults.all(`${at}.hostnames`, name, dnsSubdomainFaults(name));
  }
  if (spec.hostname) faults.all(`${path}.hostname`, spec.hostname, dnsLabelFaults(spec.hostname));
  if (spec.subdomain) faults.all(`${path}.subdomain`, spec.subdomain, dnsLabelFaults(spec.subdomain));
  if (spec.serviceAccountName) faults.subdomain(`${path}.serviceAccountName`, spec.serviceAccountName);
  for (const [index, { conditionType = "" }] of (spec.readinessGates ?? []).entries()) {
    const at = `${path}.readinessGates[${index}].conditionType`;
    faults.all(at, conditionType, qualifiedNameFaults(conditionType));
  }
  const gates = new Set<string>();
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    faults.key(`${path}.schedulingGates[${index}]`, name);
    if (gates.has(name)) faults.duplicate(`${path}.schedulingGates[${index}]`, name);
    gates.add(name);
  }
}

const resolversMax = 3;
const searchesMax = 32;
const searchesLengthMax = 2048;

function checkDns(faults: Faults, path: string, { dnsPolicy, dnsConfig }: PodSpec): void {
  const none = dnsPolicy === "None";
  if (dnsConfig === undefined) {
    if (none) faults.required(path, "must provide `dnsConfig` when `dnsPolicy` is None");
    return;
  }
  const { nameservers = [], searches = [], options = [] } = dnsConfig;
  if (none && nameservers.length === 0) {
    const detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
    faults.required(`${path}.nameservers`, detail);
  }
  if (nameservers.length > resolversMax) {
    faults.invalid(`${path}.nameservers`, nameservers, `must not have more than ${resolversMax} nameservers`);
  }
  for (const [index, server] of nameservers.entries()) {
    if (!isAddress(server)) faults.invalid(`${path}.nameservers[${index}]`, server, notAnAddress);
  }
  if (searches.length > searchesMax) {
    faults.invalid(`${path}.searches`, searches, `must not have more than ${searchesMax} search paths`);
  }
  if (searches.join(" ").length > searchesLengthMax) {
    const detail = `must not have more than ${searchesLengthMax} characters (including spaces) in the search list`;
    faults.invalid(`${path}.searches`, searches, detail);
  }
  for (const [index, search] of searches.entries()) {
    // A dot alone is the root; a dot at the end and underscores are what resolvers take.
    const bare = search.replace(/\.$/, "").replaceAll("_", "");
    if (search !== ".") faults.all(`${path}.searches[${index}]`, search, dnsSubdomainFaults(bare));
  }
  for (const [index, { name }] of options.entries()) {
    if (!name) faults.required(`${path}.options[${index}]`, "must not be empty");
  }
}

/** What a Pod asks for and Selvedge does not do. */
export function podGaps(path: string, spec: PodSpec): readonly string[] {
  const faults = new Faults();
  checkPodSpec(faults, path, spec);
  return gapTexts(faults);
}

/** Containers are added for debugging; what is there stays. */
function checkAdded(faults: Faults, path: string, spec: PodSpec, old: PodSpec): void {
  const volumes = new Set(spec.volumes?.map(({ name }) => name));
  checkEphemeral(faults, path, spec, volumes);
  const now = new Map(spec.ephemeralContainers?.map((one) => [one.name, one]));
  for (const before of old.ephemeralContainers ?? []) {
    const after = now.get(before.name);
    if (jsonEqual(after, before)) continue;
    const what = after === undefined ? "removed" : "changed";
    faults.forbidden(
      path,
      `existing ephemeral containers ${JSON.stringify(before.name)} may not be ${what}\n`,
    );
  }
}
