import type { KubeObject } from "@selvedge/apimachinery";
import { StatusError } from "../status-error.ts";

/** What the streams need to know of a Pod; the kind itself belongs to whoever serves it. */
export interface StreamedPod extends KubeObject {
  spec?: {
    readonly nodeName?: string;
    readonly containers?: readonly {
      readonly name: string;
      readonly ports?: readonly { readonly containerPort: number }[];
    }[];
    readonly initContainers?: readonly { readonly name: string }[];
    readonly ephemeralContainers?: readonly { readonly name: string }[];
  };
  status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly ephemeralContainerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string };
  readonly running?: object;
  readonly terminated?: object;
}

/** The annotation by which a Pod names the container that is meant when none is named. */
const defaultContainer = "kubectl.kubernetes.io/default-container";

/** The container a request is about, with upstream's rules and words. */
export function chooseContainer(pod: StreamedPod, named: string): string {
  const { name } = pod.metadata;
  const names = (list: readonly { readonly name: string }[] | undefined): string[] =>
    (list ?? []).map((container) => container.name);
  const containers = names(pod.spec?.containers);
  const init = names(pod.spec?.initContainers);
  const ephemeral = names(pod.spec?.ephemeralContainers);
  const all = [...containers, ...init, ...ephemeral];
  if (named !== "") {
    if (all.includes(named)) return named;
    throw badRequest(`container ${named} is not valid for pod ${name}`);
  }
  const [only, second] = containers;
  if (only !== undefined && second === undefined) return only;
  const annotated = pod.metadata.annotations?.[defaultContainer];
  if (annotated !== undefined && containers.includes(annotated)) return annotated;
  if (only === undefined) throw badRequest(`pod ${name} does not have any containers`);
  let message = `a container name must be specified for pod ${name}, choose one of: [${containers.join(" ")}]`;
  if (init.length > 0) message += ` or one of the init containers: [${init.join(" ")}]`;
  if (ephemeral.length > 0) message += ` or one of the ephemeral containers: [${ephemeral.join(" ")}]`;
  throw badRequest(message);
}

/** Refuses logs of a container that has none yet, as a kubelet does. */
export function checkHasLogs(pod: StreamedPod, container: string, previous: boolean): void {
  const { name } = pod.metadata;
  const status = statusOf(pod, container);
  const of = `container "${container}" in pod "${name}"`;
  if (status === undefined) throw badRequest(`${of} is not available`);
  if (previous) {
    if (status.lastState?.terminated !== undefined) return;
    throw badRequest(`previous terminated ${of} not found`);
  }
  const { running, terminated, waiting } = status.state ?? {};
  if (running !== undefined || terminated !== undefined || status.lastState?.terminated !== undefined) return;
  if (waiting === undefined) throw badRequest(`${of} is waiting to start - no logs yet`);
  const causes: Readonly<Record<string, string>> = {
    ErrImagePull: "image can't be pulled",
    ImagePullBackOff: "trying and failing to pull image",
  };
  const reason = waiting.reason ?? "";
  throw badRequest(`${of} is waiting to start: ${causes[reason] ?? reason}`);
}

/** Refuses to enter a container that is not running, in the words kubectl's users know. */
export function checkRuns(pod: StreamedPod, container: string): void {
  const { name, namespace = "" } = pod.metadata;
  const { phase } = pod.status ?? {};
  if (phase === "Succeeded" || phase === "Failed") {
    throw badRequest(`cannot exec into a container in a completed pod; current phase is ${phase}`);
  }
  if (statusOf(pod, container)?.state?.running !== undefined) return;
  const message = `unable to upgrade connection: container not found ("${container}")`;
  const details = { name, kind: "pods", causes: [{ message: `pod ${namespace}/${name} is not running it` }] };
  throw new StatusError(404, "NotFound", message, details);
}

/** The node the Pod is on. */
export function nodeOf(pod: StreamedPod): string {
  const node = pod.spec?.nodeName;
  if (node) return node;
  throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
}

function statusOf(pod: StreamedPod, container: string): ContainerStatus | undefined {
  const { containerStatuses, initContainerStatuses, ephemeralContainerStatuses } = pod.status ?? {};
  for (const list of [containerStatuses, initContainerStatuses, ephemeralContainerStatuses]) {
    const found = list?.find((status) => status.name === container);
    if (found !== undefined) return found;
  }
  return undefined;
}

function badRequest(message: string): StatusError {
  return new StatusError(400, "BadRequest", message);
}
