import { create } from "@bufbuild/protobuf";
import { ext } from "@selvedge/eve-api";
import {
  type Container,
  capabilityChange,
  type EphemeralContainer,
  type HttpGetAction,
  type LifecycleHandler,
  type Pod,
  type PodSecurityContext,
  type Probe,
  type ProbeHandler,
} from "@selvedge/kinds";
import { resourceNumbers } from "./downward.ts";
import type { Environment } from "./environment.ts";
import { RenderError } from "./inputs.ts";

const pullPolicies: Readonly<Record<string, ext.ImagePullPolicy>> = {
  Always: ext.ImagePullPolicy.ALWAYS,
  IfNotPresent: ext.ImagePullPolicy.IF_NOT_PRESENT,
  Never: ext.ImagePullPolicy.NEVER,
};

/** One container as the node gets it. */
export function containerOf(
  pod: Pod,
  container: EphemeralContainer,
  contentTreeId: string,
  environment: Environment,
): ext.Container {
  const { encode, resolvePath } = environment;
  const { postStart, preStop } = container.lifecycle ?? {};
  const numbers = resourceNumbers(container);
  const probe = (of: Probe | undefined): ext.Probe | undefined => of && probeOf(container, of);
  const hook = (of: LifecycleHandler | undefined): ext.ProbeAction | undefined =>
    of && actionOf(container, of);
  return create(ext.ContainerSchema, {
    name: container.name,
    image: container.image ?? "",
    contentTreeId,
    command: (container.command ?? []).map(encode),
    args: (container.args ?? []).map(encode),
    env: environment.env,
    workingDir: container.workingDir ?? "",
    ports: (container.ports ?? []).map((port) =>
      create(ext.ContainerPortSchema, {
        name: port.name ?? "",
        containerPort: port.containerPort,
        protocol: port.protocol ?? "TCP",
        hostPort: port.hostPort ?? 0,
        hostIp: port.hostIP ?? "",
      }),
    ),
    resources: create(ext.ResourcesSchema, {
      cpuRequestMillis: BigInt(numbers.cpuRequest),
      cpuLimitMillis: BigInt(numbers.cpuLimit),
      memoryRequestBytes: BigInt(numbers.memoryRequest),
      memoryLimitBytes: BigInt(numbers.memoryLimit),
      ephemeralStorageLimitBytes: BigInt(numbers.storageLimit),
    }),
    volumeMounts: (container.volumeMounts ?? []).map((mount) =>
      create(ext.VolumeMountSchema, {
        volume: mount.name,
        mountPath: mount.mountPath,
        subPath: mount.subPathExpr === undefined ? (mount.subPath ?? "") : resolvePath(mount.subPathExpr),
        readOnly: mount.readOnly === true || claimIsReadOnly(pod, mount.name),
      }),
    ),
    ...optional("liveness", probe(container.livenessProbe)),
    ...optional("readiness", probe(container.readinessProbe)),
    ...optional("startup", probe(container.startupProbe)),
    ...optional("preStop", hook(preStop)),
    ...optional("postStart", hook(postStart)),
    tty: container.tty ?? false,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    imagePullPolicy: pullPolicies[container.imagePullPolicy ?? ""] ?? ext.ImagePullPolicy.UNSPECIFIED,
    securityContext: securityOf(container, pod.spec.securityContext ?? {}),
    targetContainer: container.targetContainerName ?? "",
    terminationMessagePath: container.terminationMessagePath ?? "",
    outputIsMessage: container.terminationMessagePolicy === "FallbackToLogsOnError",
    stays: staysBeside(container),
    stopSignal: container.lifecycle?.stopSignal ?? "",
  });
}

function optional<Name extends string, T>(name: Name, value: T | undefined): { [key in Name]?: T } {
  return (value === undefined ? {} : { [name]: value }) as { [key in Name]?: T };
}

/** Of an init container: it goes on beside the others. */
export function staysBeside({ restartPolicy }: Container): boolean {
  return restartPolicy === "Always";
}

/** The container's own settings win over the Pod's. */
function securityOf(container: Container, pod: PodSecurityContext): ext.SecurityContext {
  const own = container.securityContext ?? {};
  const user = own.runAsUser ?? pod.runAsUser;
  const group = own.runAsGroup ?? pod.runAsGroup;
  const groups = [...(pod.supplementalGroups ?? []), ...(pod.fsGroup === undefined ? [] : [pod.fsGroup])];
  const { added, dropped } = capabilityChange(own);
  return create(ext.SecurityContextSchema, {
    ...(user === undefined ? {} : { runAsUser: BigInt(user) }),
    ...(group === undefined ? {} : { runAsGroup: BigInt(group) }),
    supplementalGroups: [...new Set(groups)].map(BigInt),
    readOnlyRootFilesystem: own.readOnlyRootFilesystem ?? false,
    privileged: own.privileged ?? false,
    addedCapabilities: [...added],
    droppedCapabilities: [...dropped],
    noNewPrivileges: own.allowPrivilegeEscalation === false,
    onlyTheseGroups: pod.supplementalGroupsPolicy === "Strict",
    runAsNonRoot: own.runAsNonRoot ?? pod.runAsNonRoot ?? false,
  });
}

function probeOf(container: Container, probe: Probe): ext.Probe | undefined {
  const action = actionOf(container, probe);
  if (action === undefined) return undefined;
  return create(ext.ProbeSchema, {
    action,
    initialDelaySeconds: probe.initialDelaySeconds ?? 0,
    periodSeconds: probe.periodSeconds ?? 10,
    timeoutSeconds: probe.timeoutSeconds ?? 1,
    successThreshold: probe.successThreshold ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
    terminationGraceSeconds: probe.terminationGracePeriodSeconds ?? 0,
  });
}

function actionOf(
  container: Container,
  handler: ProbeHandler & Pick<LifecycleHandler, "sleep">,
): ext.ProbeAction | undefined {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  if (exec !== undefined) {
    const value = create(ext.ExecActionSchema, { command: exec.command ?? [] });
    return create(ext.ProbeActionSchema, { action: { case: "exec", value } });
  }
  if (httpGet !== undefined) {
    return create(ext.ProbeActionSchema, { action: { case: "httpGet", value: httpOf(container, httpGet) } });
  }
  if (tcpSocket !== undefined) {
    const port = portNumber(container, tcpSocket.port);
    const value = create(ext.TcpActionSchema, { port, host: tcpSocket.host ?? "" });
    return create(ext.ProbeActionSchema, { action: { case: "tcp", value } });
  }
  if (grpc !== undefined) {
    const value = create(ext.GrpcActionSchema, { port: grpc.port, service: grpc.service ?? "" });
    return create(ext.ProbeActionSchema, { action: { case: "grpc", value } });
  }
  if (sleep !== undefined) {
    return create(ext.ProbeActionSchema, { action: { case: "sleepSeconds", value: sleep.seconds } });
  }
  return undefined;
}

function httpOf(container: Container, action: HttpGetAction): ext.HttpGetAction {
  return create(ext.HttpGetActionSchema, {
    path: action.path ?? "/",
    port: portNumber(container, action.port),
    scheme: action.scheme ?? "HTTP",
    host: action.host ?? "",
    headers: (action.httpHeaders ?? []).map((header) => create(ext.HeaderSchema, header)),
  });
}

/** A claim that the Pod takes for reading is so in each container. */
function claimIsReadOnly({ spec }: Pod, volume: string): boolean {
  return spec.volumes?.find(({ name }) => name === volume)?.persistentVolumeClaim?.readOnly ?? false;
}

/** A port by number, or by the name the container gives it. */
function portNumber(container: Container, port: number | string): number {
  if (typeof port === "number") return port;
  const named = (container.ports ?? []).find(({ name }) => name === port);
  const number = named?.containerPort ?? Number(port);
  if (Number.isInteger(number) && number > 0) return number;
  throw new RenderError(
    "CreateContainerConfigError",
    `container ${container.name} has no port named ${JSON.stringify(port)}`,
  );
}
