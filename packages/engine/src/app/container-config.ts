import { createHash } from "node:crypto";
import { toBinary } from "@bufbuild/protobuf";
import { ext } from "@selvedge/eve-api";
import { type AppSpec, volumeName, volumeUses } from "../desired.ts";
import type { ImageConfig } from "../observed.ts";
import { allContainers } from "./app-record.ts";
import type { ContainerStart } from "./hypervisor.ts";

export interface ContainerInputs {
  readonly spec: AppSpec;
  readonly container: ext.Container;
  readonly index: number;
  readonly attempt: number;
  readonly root: ContainerStart["root"];
  readonly image: ImageConfig | undefined;
  readonly secrets: ext.AppSecrets | undefined;
  /** Variables of a controller without the extension. */
  readonly foreign: readonly (readonly [name: string, value: string])[];
  readonly podIp: string;
  readonly hostIp: string;
}

/** What the user asked for cannot be: Kubernetes' CreateContainerConfigError. */
export class ContainerConfigError extends Error {
  override name = "ContainerConfigError";
}

/**
 * How a container is started: its specification over its image's defaults, as Kubernetes merges them. Pure.
 */
export function containerStart(inputs: ContainerInputs): ContainerStart {
  const { spec, container, image } = inputs;
  const own = ownVariables(inputs);
  const expand = (text: string): string => expandVariables(text, own);
  const command = container.command.length > 0 ? container.command : (image?.entrypoint ?? []);
  // A command of the user's makes the image's arguments meaningless.
  const defaults = container.command.length > 0 ? [] : (image?.cmd ?? []);
  const args = container.args.length > 0 ? container.args : defaults;
  const whole = [...command, ...args];
  if (whole.length === 0)
    throw new ContainerConfigError(
      `no command specified: set command of ${container.name}, its image has none`,
    );
  const security = container.securityContext;
  const user = userOf(container, image);
  return {
    index: inputs.index,
    attempt: inputs.attempt,
    root: inputs.root,
    args: [...container.command, ...container.args].length > 0 ? mixed(container, image, expand) : whole,
    env: [...environment(inputs, own)].map(([name, value]) => `${name}=${value}`),
    cwd: container.workingDir !== "" ? container.workingDir : image?.workingDir || "/",
    user,
    groups: (security?.supplementalGroups ?? []).map(Number),
    tty: container.tty,
    stdin: container.stdin,
    memoryBytes: Number(container.resources?.memoryLimitBytes ?? 0n),
    cpuMillis: Number(container.resources?.cpuLimitMillis ?? 0n),
    readOnlyRoot: security?.readOnlyRootFilesystem ?? false,
    // EVE's containers write to a volume, which lasts until there is another generation of it.
    rootVolume: spec.foreign === undefined ? "" : volumeName(0),
    privileged: security?.privileged ?? false,
    capabilities: security?.addedCapabilities ?? [],
    dropped: security?.droppedCapabilities ?? [],
    unprivileged: security?.noNewPrivileges ?? false,
    onlyTheseGroups: security?.onlyTheseGroups ?? false,
    ...(container.terminationMessagePath === "" ? {} : { message: container.terminationMessagePath }),
    tail: container.outputIsMessage,
    target: targetOf(spec, container),
    sharesProcesses: spec.pod.shareProcesses,
    mounts: container.volumeMounts.map((mount) => mountOf(spec, mount)),
  };
}

/** A virtual machine starts what is on its disk: of all this only the number is of use. */
export function machineStart(index: number, attempt: number): ContainerStart {
  return {
    ...{
      index,
      attempt,
      root: { disk: 0 },
      args: [],
      env: [],
      cwd: "/",
      user: "",
      groups: [],
      tty: false,
      stdin: false,
    },
    ...{ memoryBytes: 0, cpuMillis: 0, readOnlyRoot: false, rootVolume: "", privileged: false, mounts: [] },
    ...{ capabilities: [], target: 0 },
  };
}

function targetOf(spec: AppSpec, { name, targetContainer }: ext.Container): number {
  if (targetContainer === "") return 0;
  const target = allContainers(spec).find(({ container }) => container.name === targetContainer);
  if (target === undefined)
    throw new ContainerConfigError(`container ${targetContainer}, which ${name} is for, is not there`);
  return target.index;
}

/** Variables are replaced in what the user wrote, never in what the image says. */
function mixed(
  container: ext.Container,
  image: ImageConfig | undefined,
  expand: (text: string) => string,
): string[] {
  if (container.command.length > 0) return [...container.command, ...container.args].map(expand);
  return [...(image?.entrypoint ?? []), ...container.args.map(expand)];
}

function mountOf(spec: AppSpec, mount: ext.VolumeMount): ContainerStart["mounts"][number] {
  const volume = spec.pod.volumes.find(({ name }) => name === mount.volume);
  if (volume === undefined)
    throw new ContainerConfigError(`volume ${mount.volume} is mounted but not defined; add it to volumes`);
  if (mount.subPath.split("/").includes("..") || /[:\0]/.test(mount.subPath))
    throw new ContainerConfigError(
      `subPath ${mount.subPath} of volume ${mount.volume} must not contain .. or :`,
    );
  const files = volume.source.case === "files" || volume.source.case === "secretFiles";
  const { source } = volume;
  // Two names of one claim are one disk.
  const disk =
    spec.foreign === undefined && source.case === "nodeVolume"
      ? volumeUses(spec).find(({ volumeId }) => volumeId === source.value.volumeId.toLowerCase())
      : undefined;
  return {
    volume: disk?.name ?? mount.volume,
    path: mount.mountPath,
    subPath: mount.subPath,
    // As Kubernetes has it since files of ConfigMaps and Secrets are shared by all containers.
    readOnly: mount.readOnly || files,
  };
}

type Variables = Map<string, string>;

function environment({ spec, container, image, foreign }: ContainerInputs, own: Variables): Variables {
  const env: Variables = new Map();
  for (const line of image?.env ?? []) {
    const at = line.indexOf("=");
    if (at > 0) env.set(line.slice(0, at), line.slice(at + 1));
  }
  env.set("HOSTNAME", hostnameOf(spec));
  if (container.tty) env.set("TERM", "xterm");
  for (const [name, value] of foreign) env.set(name, value);
  for (const [name, value] of own) env.set(name, value);
  return env;
}

/** What the user gave the container. As in Kubernetes only these replace `$(NAME)`, not the image's. */
function ownVariables(inputs: ContainerInputs): Variables {
  const { container, secrets } = inputs;
  const own: Variables = new Map();
  for (const { name, source } of container.env) {
    if (source.case === "secretKey") {
      const value = secrets?.values[source.value];
      if (value === undefined)
        throw new ContainerConfigError(
          `couldn't find ${source.value} for variable ${name} in the app's secrets`,
        );
      own.set(name, value);
    } else if (source.case === "fieldPath") own.set(name, downward(source.value, inputs));
    else own.set(name, expandVariables(source.value ?? "", own));
  }
  return own;
}

function downward(path: string, { podIp, hostIp }: ContainerInputs): string {
  if (path === "status.podIP" || path === "status.podIPs") return podIp;
  if (path === "status.hostIP" || path === "status.hostIPs") return hostIp;
  throw new ContainerConfigError(
    `fieldPath ${path} is not known on a node; use status.podIP or status.hostIP`,
  );
}

/** `$(NAME)` becomes the value, `$$` a dollar; what is not defined stays as it is. */
export function expandVariables(text: string, env: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^()]*)\)/g, (whole: string, name: string | undefined) =>
    name === undefined ? "$" : (env.get(name) ?? whole),
  );
}

function userOf(container: ext.Container, image: ImageConfig | undefined): string {
  const security = container.securityContext;
  const fromImage = image?.user ?? "";
  const user = security?.runAsUser === undefined ? fromImage : `${security.runAsUser}`;
  if (security?.runAsNonRoot === true) {
    const name = user.split(":")[0] ?? "";
    if (name === "" || name === "0" || name === "root")
      throw new ContainerConfigError(
        "container has runAsNonRoot and image will run as root; set runAsUser or a USER in the image",
      );
  }
  if (security?.runAsGroup === undefined) return user;
  return `${user.split(":")[0] || "0"}:${security.runAsGroup}`;
}

export function hostnameOf({ pod, displayName }: AppSpec): string {
  const name = pod.hostname || pod.name || displayName.split("/").at(-1) || "app";
  const own = name.slice(0, 63);
  // Longer than Linux takes it is refused by whoever asks for it.
  return pod.wholeHostname && pod.domain !== "" ? `${own}.${pod.domain}` : own;
}

/**
 * Changes when the machine must be started anew. Not by what a tag stands for now: an image that is there
 * stays. Not by variables: as in Kubernetes, a ConfigMap that changes reaches them with the next start.
 */
export function machineFingerprint(spec: AppSpec): string {
  const images = [...spec.pod.initContainers, ...spec.pod.containers].map((it) => [
    it.contentTreeId,
    it.image,
  ]);
  const nics = spec.nics.map(({ name, networkId, mac, address }) => [
    ...[name, networkId, mac ?? ""],
    ...(address === undefined ? [] : [address]),
  ]);
  const { vcpus, memoryBytes, restartCounter, purgeCounter, foreign, podVolumes } = spec;
  const pod = podVolumes === undefined ? [] : [podVolumes.map(({ key, name }) => [key, name])];
  const devices = [spec.adapters, spec.functions].filter((it) => it !== undefined);
  const own = foreign === undefined ? pod : [foreign.volumes, foreign.vm, ...devices];
  const extra = [spec.ownProcessors, spec.besideBytes].filter((it) => it !== undefined);
  const all = [images, nics, vcpus, memoryBytes, restartCounter, purgeCounter, ...own, ...extra];
  return hash([JSON.stringify(all)]);
}

/** Changes when files in volumes do. Those of Secrets are compared as they came. */
export function filesFingerprint({ pod }: AppSpec): string {
  const volumes = pod.volumes.map((volume) => toBinary(ext.AppVolumeSchema, volume));
  return hash([...volumes, pod.secrets]);
}

function hash(parts: readonly (Uint8Array | string)[]): string {
  const sum = createHash("sha256");
  for (const part of parts) sum.update(part).update("\0");
  return sum.digest("hex").slice(0, 32);
}
