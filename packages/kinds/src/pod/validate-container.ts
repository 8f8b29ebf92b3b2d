/** Containers, one by one and against each other. */
import { parseImageReference } from "@selvedge/apimachinery";
import type { Faults } from "../faults.ts";
import { portNameFaults } from "../faults.ts";
import { isAddress, notAnAddress } from "../network/cidr.ts";
import type { Container, ContainerPort } from "./container-types.ts";
import type { PodSpec } from "./pod-types.ts";
import { checkEnv, checkEnvFrom } from "./validate-env.ts";
import { checkLifecycle, checkProbes } from "./validate-probes.ts";
import { checkResizePolicy } from "./validate-resize.ts";
import { checkResources } from "./validate-resources.ts";
import { checkSecurity } from "./validate-security.ts";
import { checkMounts } from "./validate-volumes.ts";

const protocols = ["SCTP", "TCP", "UDP"];

export function checkContainers(
  faults: Faults,
  path: string,
  spec: PodSpec,
  volumes: ReadonlySet<string>,
): void {
  const grace = spec.terminationGracePeriodSeconds ?? 30;
  const names = new Set<string>();
  const { containers = [], initContainers = [] } = spec;
  if (containers.length === 0) faults.required(`${path}.containers`);
  for (const [index, container] of containers.entries()) {
    const at = `${path}.containers[${index}]`;
    checkContainer(faults, at, container, volumes);
    checkName(faults, at, container, names);
    checkResizePolicy(faults, `${at}.resizePolicy`, container, spec.restartPolicy);
    checkProbes(faults, at, container, grace);
    checkLifecycle(faults, `${at}.lifecycle`, container, grace);
    if (container.restartPolicy !== undefined) {
      faults.forbidden(`${at}.restartPolicy`, "may not be set for non-init containers");
    }
  }
  for (const [index, container] of initContainers.entries()) {
    const at = `${path}.initContainers[${index}]`;
    checkContainer(faults, at, container, volumes);
    checkName(faults, at, container, names);
    checkResizePolicy(faults, `${at}.resizePolicy`, container, spec.restartPolicy);
    if (container.restartPolicy !== undefined) {
      faults.oneOf(`${at}.restartPolicy`, container.restartPolicy, ["Always"]);
      checkProbes(faults, at, container, grace);
      checkLifecycle(faults, `${at}.lifecycle`, container, grace);
      continue;
    }
    for (const name of ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const) {
      if (container[name] === undefined) continue;
      faults.forbidden(`${at}.${name}`, "may not be set for init containers without restartPolicy=Always");
    }
  }
  checkHostPorts(faults, `${path}.containers`, containers);
}

/** Containers for debugging are to be relied on by nobody: they have less than others. */
export function checkEphemeral(
  faults: Faults,
  path: string,
  spec: PodSpec,
  volumes: ReadonlySet<string>,
): void {
  const others = new Set([...(spec.initContainers ?? []), ...spec.containers].map(({ name }) => name));
  const names = new Set(others);
  for (const [index, container] of (spec.ephemeralContainers ?? []).entries()) {
    const at = `${path}[${index}]`;
    checkContainer(faults, at, container, volumes);
    checkName(faults, at, container, names);
    const { targetContainerName: target, volumeMounts = [] } = container;
    if (target && !others.has(target)) faults.notFound(`${at}.targetContainerName`, target);
    for (const name of notEphemeral) {
      const value = container[name];
      if (value !== undefined && Object.keys(value).length > 0) faults.forbidden(`${at}.${name}`, notForIt);
    }
    if (container.restartPolicy !== undefined) faults.forbidden(`${at}.restartPolicy`, notForIt);
    for (const [place, { subPath, subPathExpr }] of volumeMounts.entries()) {
      if (subPath) faults.forbidden(`${at}.volumeMounts[${place}].subPath`, notForIt);
      if (subPathExpr) faults.forbidden(`${at}.volumeMounts[${place}].subPathExpr`, notForIt);
    }
  }
}

const notForIt = "cannot be set for an Ephemeral Container";
const notEphemeral = [
  ...(["ports", "resources", "resizePolicy", "lifecycle"] as const),
  ...(["livenessProbe", "readinessProbe", "startupProbe"] as const),
];

function checkName(faults: Faults, path: string, { name }: Container, names: Set<string>): void {
  if (name && names.has(name)) faults.duplicate(`${path}.name`, name);
  names.add(name);
}

function checkContainer(
  faults: Faults,
  path: string,
  container: Container,
  volumes: ReadonlySet<string>,
): void {
  faults.label(`${path}.name`, container.name);
  checkImage(faults, `${path}.image`, container.image);
  const { terminationMessagePolicy, imagePullPolicy } = container;
  const messagePolicies = ["File", "FallbackToLogsOnError"];
  faults.oneOf(`${path}.terminationMessagePolicy`, terminationMessagePolicy, messagePolicies);
  checkPorts(faults, `${path}.ports`, container.ports);
  checkEnv(faults, `${path}.env`, container.env);
  checkEnvFrom(faults, `${path}.envFrom`, container.envFrom);
  checkMounts(faults, path, container, volumes);
  faults.oneOf(`${path}.imagePullPolicy`, imagePullPolicy, ["Always", "IfNotPresent", "Never"]);
  checkResources(faults, `${path}.resources`, container.resources);
  checkSecurity(faults, `${path}.securityContext`, container.securityContext);
  if ("restartPolicyRules" in container) {
    faults.gap(`${path}.restartPolicyRules`, "the Pod's restartPolicy decides");
  }
}

/** Upstream leaves what is no image's name to the node; there it could only fail for ever. */
function checkImage(faults: Faults, path: string, image: string | undefined): void {
  if (!image) {
    faults.required(path);
    return;
  }
  const reference = parseImageReference(image);
  if ("fault" in reference) faults.invalid(path, image, `must be the name of an image: ${reference.fault}`);
}

function checkPorts(faults: Faults, path: string, ports: readonly ContainerPort[] = []): void {
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `${path}[${index}]`;
    if (port.name) {
      const wrong = portNameFaults(port.name);
      faults.all(`${at}.name`, port.name, wrong);
      if (wrong.length === 0 && names.has(port.name)) faults.duplicate(`${at}.name`, port.name);
      names.add(port.name);
    }
    if (!port.containerPort) faults.required(`${at}.containerPort`);
    else faults.port(`${at}.containerPort`, port.containerPort);
    if (port.hostPort) faults.port(`${at}.hostPort`, port.hostPort);
    if (port.protocol === "SCTP") faults.gap(`${at}.protocol`, "say TCP or UDP");
    else faults.oneOf(`${at}.protocol`, port.protocol, protocols);
    if (port.hostIP) checkHostAddress(faults, `${at}.hostIP`, port.hostIP);
  }
}

function checkHostAddress(faults: Faults, at: string, address: string): void {
  if (!isAddress(address)) faults.invalid(at, address, notAnAddress);
  else if (address.startsWith("127.") || address === "::1") {
    faults.gap(at, "nobody in the box asks there: say an address of one of its ports, or none");
  } else if (address.includes(":") && address !== "::")
    faults.gap(at, "say the IPv4 address of the box's port, or none");
}

/** Containers of a Pod share one address of the box: a port of it can be opened once. */
function checkHostPorts(faults: Faults, path: string, containers: readonly Container[]): void {
  const taken = new Set<string>();
  for (const [index, { ports = [] }] of containers.entries()) {
    for (const [place, { hostPort, hostIP = "", protocol }] of ports.entries()) {
      if (!hostPort) continue;
      const key = `${protocol}/${hostIP}/${hostPort}`;
      if (taken.has(key)) faults.duplicate(`${path}[${index}].ports[${place}].hostPort`, key);
      taken.add(key);
    }
  }
}
