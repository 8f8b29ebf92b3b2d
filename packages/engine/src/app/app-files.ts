import type { ext } from "@selvedge/eve-api";
import type { AppSpec, NicSpec } from "../desired.ts";
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
      default:
        throw new ContainerConfigError(`volume ${name} is of a kind this node does not have`);
    }
  }
}

const modeDefault = 0o644;

function placeFiles(guest: Guest, volume: string, files: readonly ext.File[]): void {
  // Also a set without files is a folder to mount.
  guest.volume(volume, "memory", 0);
  for (const { path, mode, content } of files)
    guest.writeFile(`${volume}/${path}`, mode || modeDefault, content);
}

export function guestNetwork(spec: AppSpec, nic: NicStatus | undefined): GuestNetwork {
  const hostname = hostnameOf(spec);
  const plug = nic?.phase === "ready" ? nic : undefined;
  const ip = ipOf(nic);
  const hosts = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"];
  if (ip !== "") hosts.push(`${ip}\t${hostname}`);
  const resolv = (plug?.dns ?? []).map((server) => `nameserver ${server}`);
  if (plug !== undefined && plug.searchDomains.length > 0)
    resolv.push(`search ${plug.searchDomains.join(" ")}`);
  return {
    hostname,
    address: plug?.address ?? "",
    gateway: plug?.gateway ?? "",
    resolv: lines(resolv),
    hosts: lines(["# Written by the node when the app was started.", ...hosts]),
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
