/** What a Pod says when it says nothing, exactly as upstream fills it in. */
import { parseImageReference } from "@selvedge/apimachinery";
import type { Container, EnvVar, LifecycleHandler, Probe } from "./container-types.ts";
import { qosClassOf } from "./pod-qos.ts";
import type { Pod, PodSpec } from "./pod-types.ts";
import type { DownwardApiFile, Volume } from "./volume-types.ts";

/** Of a Pod itself, which templates do not show. */
export function defaultPod(pod: Pod): void {
  pod.spec ??= { containers: [] };
  const { spec } = pod;
  defaultPodSpec(spec);
  for (const { resources = {} } of [...(spec.initContainers ?? []), ...spec.containers]) {
    if (resources.limits !== undefined) resources.requests = { ...resources.limits, ...resources.requests };
  }
  spec.enableServiceLinks ??= true;
  pod.status ??= {};
  pod.status.phase ??= "Pending";
  pod.status.qosClass ??= qosClassOf(spec);
}

/** Of a Pod and of a template. */
export function defaultPodSpec(spec: PodSpec): void {
  spec.containers ??= [];
  spec.restartPolicy ||= "Always";
  spec.terminationGracePeriodSeconds ??= 30;
  spec.dnsPolicy ||= "ClusterFirst";
  spec.securityContext ??= {};
  spec.schedulerName ||= "default-scheduler";
  const account = spec.serviceAccountName || spec.serviceAccount;
  if (account) Object.assign(spec, { serviceAccountName: account, serviceAccount: account });
  const { initContainers = [], containers, ephemeralContainers = [] } = spec;
  for (const container of [...initContainers, ...containers, ...ephemeralContainers]) {
    defaultContainer(container);
  }
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
}

function defaultContainer(container: Container): void {
  container.imagePullPolicy ||= isMoving(container.image ?? "") ? "Always" : "IfNotPresent";
  container.terminationMessagePath ||= "/dev/termination-log";
  container.terminationMessagePolicy ||= "File";
  container.resources ??= {};
  for (const port of container.ports ?? []) port.protocol ||= "TCP";
  for (const variable of container.env ?? []) defaultReference(variable);
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe !== undefined) defaultProbe(probe);
  }
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop]) {
    if (handler !== undefined) defaultRequest(handler);
  }
}

/** Whether the image's name means something else from day to day. */
function isMoving(image: string): boolean {
  const reference = parseImageReference(image);
  if ("fault" in reference) return false;
  return reference.tag === "latest" || (reference.tag === undefined && reference.digest === undefined);
}

function defaultProbe(probe: Probe): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  defaultRequest(probe);
  if (probe.grpc !== undefined) probe.grpc.service ??= "";
}

function defaultRequest({ httpGet }: LifecycleHandler | Probe): void {
  if (httpGet === undefined) return;
  httpGet.path ||= "/";
  httpGet.scheme ||= "HTTP";
}

function defaultReference({ valueFrom }: EnvVar): void {
  if (valueFrom?.fieldRef !== undefined) valueFrom.fieldRef.apiVersion ||= "v1";
  if (valueFrom?.resourceFieldRef !== undefined) valueFrom.resourceFieldRef.divisor ??= "0";
}

/** Permission bits 0644. */
const readable = 420;

function defaultVolume(volume: Volume): void {
  if (Object.keys(volume).every((member) => member === "name")) volume.emptyDir = {};
  const { configMap, secret, downwardAPI, projected } = volume;
  for (const source of [configMap, secret, downwardAPI, projected]) {
    if (source !== undefined) source.defaultMode ??= readable;
  }
  const projections = (projected?.sources ?? []).flatMap((source) => source.downwardAPI?.items ?? []);
  for (const file of [...(downwardAPI?.items ?? []), ...projections]) defaultFile(file);
}

function defaultFile({ fieldRef, resourceFieldRef }: DownwardApiFile): void {
  if (fieldRef !== undefined) fieldRef.apiVersion ||= "v1";
  if (resourceFieldRef !== undefined) resourceFieldRef.divisor ??= "0";
}
