import { createHash } from "node:crypto";
import { toBinary } from "@bufbuild/protobuf";
import { ext } from "@selvedge/eve-api";
import { type AppSpec, type NicSpec, volumeUses } from "../desired.ts";
import type { NicStatus } from "../observed.ts";
import { ContainerConfigError, hostnameOf } from "./container-config.ts";
import type { Guest, GuestNetwork, VolumeGroup } from "./hypervisor.ts";

/** Makes the volumes of an app in its machine and writes what is in them. Doing it again changes nothing. */
export function placeVolumes(guest: Guest, { pod }: AppSpec, secrets: ext.AppSecrets | undefined): void {
  const group = groupOf(pod);
  for (const { name, source } of pod.volumes) {
    switch (source.case) {
      case "files":
        placeFiles(guest, name, source.value.files, group);
        break;
      case "secretFiles": {
        const set = secrets?.files[source.value.key];
        if (set === undefined)
          throw new ContainerConfigError(`volume ${name}: ${source.value.key} is not in the app's secrets`);
        placeFiles(guest, name, set.files, group);
        break;
      }
      case "emptyDir":
        guest.volume(
          name,
          source.value.memory ? "memory" : "scratch",
          Number(source.value.sizeLimitBytes),
          group,
        );
        break;
      case "nodeVolume":
        // On a disk of its own; mounted by its place in the app's list.
        break;
      default:
        throw new ContainerConfigError(`volume ${name} is of a kind this node does not have`);
    }
  }
}

/**
 * Mounts what an app has on volumes of the node. The first of an app without the extension is its root's,
 * which needs nothing but its file system; an image's own files are below what was written over them.
 */
export function mountVolumes(guest: Guest, spec: AppSpec, disks: readonly string[]): void {
  for (const [at, { name, form, contentId, readOnly, mountDir }] of volumeUses(spec).entries()) {
    const root = spec.foreign !== undefined && at === 0;
    if (!root && mountDir === "") continue;
    const image = !root && form === "image" ? disks.indexOf(contentId ?? "") : undefined;
    guest.mountVolume(name, at, { image, readOnly: !root && readOnly, group: groupOf(spec.pod) });
  }
}

function groupOf({ fsGroup, fsGroupAlways }: ext.AppExtension): VolumeGroup | undefined {
  return fsGroup === undefined ? undefined : { id: Number(fsGroup), always: fsGroupAlways };
}

const modeDefault = 0o644;

/** What Kubernetes lets the group of a volume do with files that nobody may write. */
const groupReads = 0o440;

/**
 * A set of files in a folder of its own, which the names in the volume lead to: whoever reads several of them
 * sees all of one version. The same files again are the same folder.
 */
function placeFiles(guest: Guest, volume: string, files: readonly ext.File[], group?: VolumeGroup): void {
  // Also a set without files is a folder to mount.
  guest.volume(volume, "memory", 0, group);
  const hash = createHash("sha256");
  for (const file of files) hash.update(toBinary(ext.FileSchema, file));
  const set = `..${hash.digest("hex").slice(0, 16)}`;
  for (const { path, mode, content } of files) {
    const wanted = mode || modeDefault;
    const own = group === undefined ? wanted : wanted | groupReads;
    guest.writeFile(`${volume}/${set}/${path}`, own, content, group?.id);
  }
  guest.publish(volume, set);
}

export type ReadyNic = Extract<NicStatus, { phase: "ready" }>;

/** An app's plugs in the order of its configuration; it starts when all are ready. */
export function readyNics(spec: AppSpec, nic: (name: string) => NicStatus | undefined): ReadyNic[] {
  return spec.nics.flatMap(({ name }) => {
    const row = nic(name);
    return row?.phase === "ready" ? [row] : [];
  });
}

export function guestNetwork(spec: AppSpec, nics: readonly ReadyNic[]): GuestNetwork {
  const hostname = hostnameOf(spec);
  return {
    hostname,
    resolv: lines(resolverLines(spec, nics)),
    hosts: lines(hostLines(spec, ipOf(nics[0]))),
    parameters: spec.pod.kernelParameters.map(({ name, value }) => `${name}=${value}`),
    nics: nics.map(({ mac, asks = false, address, router = "", mtu = 1500, routes = [] }) => ({
      ...{
        mac,
        address: asks ? undefined : address,
        gateway: router === "" ? undefined : router,
        mtu,
        routes,
      },
    })),
  };
}

/** What the network gives, and what the app asks for beside it or in its place; as kubelet merges them. */
function resolverLines({ pod }: AppSpec, nics: readonly ReadyNic[]): string[] {
  const { servers = [], searches = [], options = [], alone = false } = pod.dns ?? {};
  const given = alone ? [] : nics;
  const used = new Set([...given.flatMap(({ dns }) => dns), ...servers]);
  const domains = new Set([...given.flatMap(({ searchDomains }) => searchDomains), ...searches]);
  const lines = [...used].slice(0, resolversMax).map((server) => `nameserver ${server}`);
  if (domains.size > 0) lines.push(`search ${[...domains].join(" ")}`);
  // As apps know it: web.shop and web are both looked for there first.
  const usual = alone || pod.searchDomains.length === 0 ? [] : ["ndots:5"];
  const named = new Map([...usual, ...options].map((option) => [option.split(":")[0], option]));
  if (named.size > 0) lines.push(`options ${[...named.values()].join(" ")}`);
  return lines;
}

/** A resolver of C knows three. */
const resolversMax = 3;

/** In the words of Kubernetes, which tools look for. */
function hostLines(spec: AppSpec, ip: string): string[] {
  const { hostname, domain, hostAliases } = spec.pod;
  const name = hostname || hostnameOf(spec);
  const names = domain === "" ? [name] : [`${name}.${domain}`, name];
  const aliases = hostAliases.map((alias) => [alias.address, ...alias.names].join("\t"));
  return [
    "# Kubernetes-managed hosts file.",
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    ...(ip === "" ? [] : [[ip, ...names].join("\t")]),
    ...(aliases.length === 0 ? [] : ["", "# Entries added by HostAliases.", ...aliases]),
  ];
}

export function ipOf(nic: NicStatus | undefined): string {
  return nic?.phase === "ready" ? (nic.address.split("/")[0] ?? "") : "";
}

export function nicKey({ id }: AppSpec, { name }: NicSpec): string {
  return `${id}/${name}`;
}

function lines(rows: readonly string[]): string {
  return rows.map((row) => `${row}\n`).join("");
}
