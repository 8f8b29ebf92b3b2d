/** What is wrong with an Ingress, in upstream's words. */
import { dns1035LabelFaults, dnsSubdomainFaults, type FieldError } from "@selvedge/apimachinery";
import { Faults, portNameFaults } from "../faults.ts";
import { pathSegmentFaults } from "../rbac/policy-rule.ts";
import { isAddress, notAnAddress } from "./cidr.ts";
import type { Ingress, IngressBackend, IngressPath } from "./ingress-types.ts";

const classAnnotation = "kubernetes.io/ingress.class";
const oddSequences = ["//", "/./", "/../", "%2f", "%2F"];
const oddEnds = ["/..", "/."];
const wildcard = /^\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export function validateIngress(ingress: Ingress, old: Ingress | undefined): FieldError[] {
  const faults = new Faults();
  const { spec, status } = ingress;
  if (spec !== old?.spec) checkSpec(faults, ingress);
  const className = ingress.metadata.annotations?.[classAnnotation];
  if (old === undefined && className !== undefined && (spec.ingressClassName ?? className) !== className) {
    const detail = "must match `ingressClassName` when both are specified";
    faults.invalid(`annotations.${classAnnotation}`, className, detail);
  }
  checkPlaces(faults, status?.loadBalancer?.ingress);
  return faults.errors;
}

/** Where a balancer is reached. */
export function checkPlaces(
  faults: Faults,
  places: readonly { readonly ip?: string; readonly hostname?: string }[] = [],
): void {
  for (const [index, { ip, hostname }] of places.entries()) {
    const at = `status.loadBalancer.ingress[${index}]`;
    if (ip && !isAddress(ip)) faults.invalid(`${at}.ip`, ip, notAnAddress);
    if (!hostname) continue;
    faults.all(`${at}.hostname`, hostname, dnsSubdomainFaults(hostname));
    checkName(faults, `${at}.hostname`, hostname);
  }
}

function checkSpec(
  faults: Faults,
  { spec: { defaultBackend, rules = [], tls = [], ingressClassName } }: Ingress,
): void {
  if (rules.length === 0 && defaultBackend === undefined) {
    faults.invalid("spec", null, "either `defaultBackend` or `rules` must be specified");
  }
  if (defaultBackend !== undefined) checkBackend(faults, "spec.defaultBackend", defaultBackend);
  for (const [index, { host, http }] of rules.entries()) {
    const at = `spec.rules[${index}]`;
    if (host) {
      checkName(faults, `${at}.host`, host);
      faults.all(`${at}.host`, host, hostFaults(host));
    }
    if (http === undefined) continue;
    const paths = http.paths ?? [];
    if (paths.length === 0) faults.required(`${at}.http.paths`);
    for (const [place, path] of paths.entries()) checkPath(faults, `${at}.http.paths[${place}]`, path);
  }
  for (const [index, { hosts = [], secretName }] of tls.entries()) {
    for (const [place, host] of hosts.entries()) {
      faults.all(`spec.tls[${index}].hosts[${place}]`, host, hostFaults(host));
    }
    if (secretName) faults.subdomain(`spec.tls[${index}].secretName`, secretName);
  }
  if (ingressClassName !== undefined) {
    faults.all("spec.ingressClassName", ingressClassName, dnsSubdomainFaults(ingressClassName));
  }
}

function checkName(faults: Faults, path: string, name: string): void {
  if (isAddress(name)) faults.invalid(path, name, "must be a DNS name, not an IP address");
}

function hostFaults(host: string): string[] {
  if (!host.includes("*")) return dnsSubdomainFaults(host);
  if (wildcard.test(host)) return [];
  const rule =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of " +
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
  return [`${rule} (e.g. '*.example.com', regex used for validation is '${wildcard.source.slice(1, -1)}')`];
}

function checkPath(faults: Faults, at: string, { path = "", pathType, backend = {} }: IngressPath): void {
  if (pathType === undefined) {
    faults.required(`${at}.pathType`, "pathType must be specified");
    return;
  }
  const isAbsolute = path.startsWith("/");
  if (pathType === "Exact" || pathType === "Prefix") {
    if (!isAbsolute) faults.invalid(`${at}.path`, path, "must be an absolute path");
    for (const odd of oddSequences) {
      if (path.includes(odd)) faults.invalid(`${at}.path`, path, `must not contain '${odd}'`);
    }
    for (const odd of oddEnds) {
      if (path.endsWith(odd)) faults.invalid(`${at}.path`, path, `cannot end with '${odd}'`);
    }
  } else if (path !== "" && !isAbsolute) faults.invalid(`${at}.path`, path, "must be an absolute path");
  checkBackend(faults, `${at}.backend`, backend);
}

function checkBackend(faults: Faults, path: string, { service, resource }: IngressBackend): void {
  if (service !== undefined && resource !== undefined) {
    faults.invalid(path, "", "cannot set both resource and service backends");
  } else if (resource !== undefined) {
    checkReference(faults, `${path}.resource`, resource);
  } else if (service === undefined) {
    faults.invalid(path, "", "resource or service backend is required");
  } else {
    const { name = "", port: { name: portName, number } = {} } = service;
    if (name === "") faults.required(`${path}.service.name`);
    else faults.all(`${path}.service.name`, name, dns1035LabelFaults(name));
    if (portName && number) faults.invalid(path, "", "cannot set both port name & port number");
    else if (portName) faults.all(`${path}.service.port.name`, portName, portNameFaults(portName));
    else if (number) faults.port(`${path}.service.port.number`, number);
    else faults.required(path, "port name or number is required");
  }
}

export function checkReference(
  faults: Faults,
  path: string,
  { apiGroup, kind = "", name = "" }: { apiGroup?: string; kind?: string; name?: string },
): void {
  if (apiGroup !== undefined) faults.all(`${path}.apiGroup`, apiGroup, dnsSubdomainFaults(apiGroup));
  for (const [member, value] of Object.entries({ kind, name })) {
    if (value === "") faults.required(`${path}.${member}`);
    else faults.all(`${path}.${member}`, value, pathSegmentFaults(value));
  }
}
