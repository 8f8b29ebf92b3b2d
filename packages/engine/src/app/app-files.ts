import type { ext } from "@selvedge/eve-api";
import { type AppSpec, type NicSpec, volumeUses } from "../desired.ts";
import type { NicStatus } from "../observed.ts";
import { ContainerConfigError, hostnameOf } from "./container-config.ts";
import type { Guest, GuestNetwork } from "./hypervisor.ts";

/** Makes the volumes of an app in its machine and writes what is in them. Doing it again changes nothing. */
export function placeVolumes(guest: Guest, { pod }: AppSpec, secrets: ext.AppSecrets | undefined): void {
  for (const { name, source } of pod.volumes) {
    switch (source.case) {
      case "files":
        placeFiles(guest, name, source.value.files);
        break;
      case "secretFiles": {
        const set = secrets?.files[source.value.key];
        if (set === undefined)
          throw new ContainerConfigError(`volume ${name}: ${source.value.key} is not in the app's secrets`);
        placeFiles(guest, name, set.files);
        break;
      }
      case "emptyDir":
        guest.volume(name, source.value.memory ? "memory" : "scratch", Number(source.value.sizeLimitBytes));
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
    guest.mountVolume(name, at, { image, readOnly: !root && readOnly });
  }
}

const modeDefault = 0o644;

function placeFiles(guest: Guest, volume: string, files: readonly ext.File[]): void {
  // Also a set without files is a folder to mount.
  guest.volume(volume, "memory", 0);
  for (const { path, mode, content } of files)
    guest.writeFile(`${volume}/${path}`, mode || modeDefault, content);
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
  const ip = ipOf(nics[0]);
  const hosts = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"];
  if (ip !== "") hosts.push(`${ip}\t${hostname}`);
  // A resolver of C knows three.
  const servers = [...new Set(nics.flatMap(({ dns }) => dns))].slice(0, 3);
  const domains = [...new Set(nics.flatMap(({ searchDomains }) => searchDomains))];
  const resolv = servers.map((server) => `nameserver ${server}`);
  if (domains.length > 0) resolv.push(`search ${domains.join(" ")}`);
  // As apps know it: web.shop and web are both looked for there first.
  if (spec.pod.searchDomains.length > 0) resolv.push("options ndots:5");
  return {
    hostname,
    resolv: lines(resolv),
    hosts: lines(["# Written by the node when the app was started.", ...hosts]),
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

export function ipOf(nic: NicStatus | undefined): string {
  return nic?.phase === "ready" ? (nic.address.split("/")[0] ?? "") : "";
}

export function nicKey({ id }: AppSpec, { name }: NicSpec): string {
  return `${id}/${name}`;
}

function lines(rows: readonly string[]): string {
  return rows.map((row) => `${row}\n`).join("");
}
