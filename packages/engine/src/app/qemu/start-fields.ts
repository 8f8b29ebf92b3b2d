/** Requests of the guest's agent as its fields; packages/guest/PROTOCOL.md is their description. */
import type { ContainerStart, VolumeGroup } from "../hypervisor.ts";

export function startFields(container: ContainerStart): [string, string][] {
  const items: [string, string][] = [
    ["attempt", `${container.attempt}`],
    ...rootFields(container.root),
    ["cwd", container.cwd],
    ["user", container.user],
    ["tty", container.tty ? "1" : "0"],
    ["stdin", container.stdin ? "1" : "0"],
  ];
  if (container.memoryBytes > 0) items.push(["memory", `${container.memoryBytes}`]);
  if (container.cpuMillis > 0) items.push(["cpu", `${container.cpuMillis * 100} 100000`]);
  if (container.readOnlyRoot) items.push(["readonly", "1"]);
  if (container.rootVolume !== "") items.push(["keep", container.rootVolume]);
  if (container.sharesProcesses === true) items.push(["shared", "1"]);
  else if (container.target > 0) items.push(["target", `${container.target}`]);
  for (const capability of container.capabilities) items.push(["capability", `${capability}`]);
  for (const capability of container.dropped ?? []) items.push(["dropped", `${capability}`]);
  if (container.privileged) items.push(["privileged", "1"]);
  if (container.unprivileged === true) items.push(["unprivileged", "1"]);
  if (container.onlyTheseGroups === true) items.push(["onlygroups", "1"]);
  if (container.message !== undefined) items.push(["message", container.message]);
  if (container.tail === true) items.push(["tail", "1"]);
  for (const group of container.groups) items.push(["group", `${group}`]);
  for (const value of container.args) items.push(["arg", value]);
  for (const value of container.env) items.push(["env", value]);
  for (const { volume, path, subPath, readOnly } of container.mounts)
    items.push(["mount", `${readOnly ? "ro" : "rw"}:${volume}:${subPath}:${path}`]);
  return items;
}

export function groupFields(group: VolumeGroup | undefined): [string, string][] {
  if (group === undefined) return [];
  return [
    ["group", `${group.id}`],
    ["always", group.always ? "1" : "0"],
  ];
}

function rootFields(root: ContainerStart["root"]): [string, string][] {
  if ("disk" in root) return [["root", `d${root.disk}`]];
  return [
    ["root", "spare"],
    ["part", `${root.part}`],
  ];
}
