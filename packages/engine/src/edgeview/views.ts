import { toRfc3339 } from "@selvedge/base";
import { volumeKey } from "../desired.ts";
import { boxTables } from "./box-views.ts";
import type { Views } from "./commands.ts";
import type { ViewParts } from "./edgeview-parts.ts";

const mib = 2 ** 20;

/** The node's own state as it is in its store; secrets are nowhere in it. */
export function viewsOf(parts: ViewParts): Views {
  return {
    tables: { ...nodeTables(parts), ...storageTables(parts), ...boxTables(parts) },
    records: () => parts.recent.records,
  };
}

function nodeTables({ store, host }: ViewParts): Views["tables"] {
  return {
    app: () => [
      ["UUID", "NAME", "STATE", "PHASE", "MESSAGE"],
      ...store.apps
        .entries()
        .map(([id, { displayName, state, report, errors }]) => [
          ...[id, displayName, state, report.phase, errors[0] ?? report.message],
        ]),
    ],
    configitem: () => [
      ["KEY", "VALUE"],
      ...[...(store.desired.get()?.settings ?? [])].map(([key, value]) => [key, value]),
    ],
    hw: async () => [
      ["system", host.osImage],
      ["kernel", host.kernelVersion],
      ["architecture", host.architecture],
      ["processors", `${host.cpus}`],
      ["memory", `${Math.floor(host.memoryBytes / mib)} MiB`],
      ["booted", toRfc3339(host.bootedAt)],
      ["address", await host.internalIp()],
    ],
    if: () => [
      ["APP/NIC", "DEVICE", "MAC", "ADDRESS", "GATEWAY"],
      ...store.nics
        .entries()
        .map(([key, nic]) =>
          nic.phase === "ready"
            ? [key, nic.tap, nic.mac, nic.address, nic.gateway]
            : [key, nic.phase, nic.reason],
        ),
    ],
  };
}

function storageTables({ store }: ViewParts): Views["tables"] {
  const desired = () => store.desired.get();
  return {
    datastore: () => [
      ["CONTENT", "TYPE", "ADDRESS", "PATH"],
      ...(desired()?.contents ?? []).flatMap(({ id, datastores }) =>
        datastores.map(({ type, fqdn, path }) => [id, type, fqdn, path]),
      ),
    ],
    download: () => [
      ["CONTENT", "URL", "STATE", "DETAIL"],
      ...(desired()?.contents ?? []).map(({ id, url }) => {
        const status = store.contents.get(id);
        const detail =
          status?.phase === "downloading"
            ? `${status.bytes} of ${status.total}`
            : status?.phase === "failed"
              ? status.message
              : "";
        return [id, url, status?.phase ?? "waiting", detail];
      }),
    ],
    volume: () => [
      ["VOLUME", "NAME", "STATE", "USED MIB", "MAX MIB", "USERS"],
      ...(desired()?.volumes ?? []).map((spec) => {
        const status = store.volumes.get(volumeKey(spec));
        const ready = status?.phase === "ready" ? status : undefined;
        return [
          ...[volumeKey(spec), spec.displayName, status?.phase ?? "waiting"],
          ...(ready === undefined
            ? []
            : [
                `${Math.ceil(ready.usedBytes / mib)}`,
                `${Math.ceil(ready.maxBytes / mib)}`,
                `${ready.users.count}`,
              ]),
        ];
      }),
    ],
  };
}
