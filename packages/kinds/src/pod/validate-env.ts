/** Where variables and downward files come from. */
import { dnsSubdomainFaults, qualifiedNameFaults } from "@selvedge/apimachinery";
import { dataKeyFaults, type Faults, variableNameFaults } from "../faults.ts";
import { canonicalQuantity } from "../quantities.ts";
import type {
  EnvFromSource,
  EnvVar,
  KeySelector,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from "./container-types.ts";

const envFields = [
  ...["metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName"],
  ...["status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"],
];
export const fileFields: readonly string[] = [
  ...["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"],
];
/** What of a Pod has a label at all, be it for variables or for files. */
const podFields = new Set([
  ...envFields,
  ...fileFields,
  "spec.restartPolicy",
  "spec.schedulerName",
  "status.phase",
]);
const resourceFields = [
  ...["limits.cpu", "limits.ephemeral-storage", "limits.memory"],
  ...["requests.cpu", "requests.ephemeral-storage", "requests.memory"],
];
const byteUnits = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];
const sources = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`";

export function checkEnv(faults: Faults, path: string, env: readonly EnvVar[] = []): void {
  for (const [index, variable] of env.entries()) {
    const at = `${path}[${index}]`;
    if (!variable.name) faults.required(`${at}.name`);
    else faults.all(`${at}.name`, variable.name, variableNameFaults(variable.name));
    checkSource(faults, `${at}.valueFrom`, variable);
  }
}

function checkSource(faults: Faults, path: string, { valueFrom, value }: EnvVar): void {
  if (valueFrom === undefined) return;
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef !== undefined) checkFieldRef(faults, `${path}.fieldRef`, fieldRef, envFields);
  if (resourceFieldRef !== undefined) {
    checkResourceRef(faults, `${path}.resourceFieldRef`, resourceFieldRef, false);
  }
  if (configMapKeyRef !== undefined) checkKey(faults, `${path}.configMapKeyRef`, configMapKeyRef);
  if (secretKeyRef !== undefined) checkKey(faults, `${path}.secretKeyRef`, secretKeyRef);
  if ("fileKeyRef" in valueFrom) {
    faults.gap(`${path}.fileKeyRef`, "variables come from ConfigMaps, Secrets and fields");
    return;
  }
  const count = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef].filter(Boolean).length;
  if (count === 0) faults.invalid(path, "", `must specify one of: ${sources}`);
  else if (value) faults.invalid(path, "", "may not be specified when `value` is not empty");
  else if (count > 1) faults.invalid(path, "", "may not have more than one field specified at a time");
}

function checkKey(faults: Faults, path: string, { name = "", key }: KeySelector): void {
  faults.all(`${path}.name`, name, dnsSubdomainFaults(name));
  if (!key) faults.required(`${path}.key`);
  else faults.all(`${path}.key`, key, dataKeyFaults(key));
}

export function checkFieldRef(
  faults: Faults,
  path: string,
  { fieldPath, apiVersion }: ObjectFieldSelector,
  supported: readonly string[],
): void {
  if (!fieldPath) {
    faults.required(`${path}.fieldPath`);
    return;
  }
  if (apiVersion !== "v1") {
    const detail = `error converting fieldPath: unsupported pod version: ${apiVersion}`;
    faults.invalid(`${path}.fieldPath`, fieldPath, detail);
    return;
  }
  const [, parent, key] = /^([\w.]+)\['(.*)'\]$/.exec(fieldPath) ?? [];
  if (parent === undefined || key === undefined) {
    const detail = `error converting fieldPath: field label not supported: ${fieldPath}`;
    if (podFields.has(fieldPath)) faults.oneOf(`${path}.fieldPath`, fieldPath, supported);
    else faults.invalid(`${path}.fieldPath`, fieldPath, detail);
  } else if (parent === "metadata.annotations") faults.all(path, key, qualifiedNameFaults(key.toLowerCase()));
  else if (parent === "metadata.labels") faults.all(path, key, qualifiedNameFaults(key));
  else faults.invalid(path, parent, "does not support subscript");
}

export function checkResourceRef(
  faults: Faults,
  path: string,
  { containerName, resource = "", divisor }: ResourceFieldSelector,
  isFile: boolean,
): void {
  if (isFile && !containerName) faults.required(`${path}.containerName`);
  else if (!resource) faults.required(`${path}.resource`);
  else faults.oneOf(`${path}.resource`, resource, resourceFields);
  const unit = divisor === undefined ? "0" : (canonicalQuantity(divisor) ?? divisor);
  if (unit === "0") return;
  const detail = `only divisor's values`;
  if (resource.endsWith(".cpu") && unit !== "1m" && unit !== "1") {
    faults.invalid(`${path}.divisor`, resource, `${detail} 1m and 1 are supported with the cpu resource`);
  } else if (!resource.endsWith(".cpu") && !byteUnits.includes(unit)) {
    const what = resource.endsWith("-storage") ? "local ephemeral storage" : "memory";
    faults.invalid(
      `${path}.divisor`,
      resource,
      `${detail} ${byteUnits.join(", ")} are supported with the ${what} resource`,
    );
  }
}

export function checkEnvFrom(faults: Faults, path: string, list: readonly EnvFromSource[] = []): void {
  for (const [index, { prefix, configMapRef, secretRef }] of list.entries()) {
    const at = `${path}[${index}]`;
    if (prefix) faults.all(`${at}.prefix`, prefix, variableNameFaults(prefix));
    if (configMapRef !== undefined) faults.subdomain(`${at}.configMapRef.name`, configMapRef.name);
    if (secretRef !== undefined) faults.subdomain(`${at}.secretRef.name`, secretRef.name);
    if (configMapRef === undefined && secretRef === undefined) {
      faults.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`");
    } else if (configMapRef !== undefined && secretRef !== undefined) {
      faults.invalid(path, "", "may not have more than one field specified at a time");
    }
  }
}
