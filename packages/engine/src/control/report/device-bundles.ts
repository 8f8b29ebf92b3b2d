/** What of the box apps may have, and who has it, as ZInfoDevice has it. Pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { info } from "@selvedge/eve-api";
import type { DevicePlace } from "../../device/device-spec.ts";
import type { NetworkDevice } from "../../hardware/hardware.ts";
import type { DeviceStatus } from "../../observed.ts";
import { deviceType, usageNumber } from "../device-words.ts";
import { bySelf, errorInfo } from "./error-info.ts";

type Bundles = NonNullable<MessageInitShape<typeof info.ZInfoDeviceSchema>["assignableAdapters"]>;

export function bundlesPart(
  rows: readonly (readonly [string, DeviceStatus])[],
  networks: readonly NetworkDevice[],
): { readonly assignableAdapters: Bundles } {
  return { assignableAdapters: rows.map(([name, row]) => bundleOf(name, row, networks)) };
}

function bundleOf(name: string, row: DeviceStatus, networks: readonly NetworkDevice[]): Bundles[number] {
  const { members } = row;
  const [first] = members;
  const error = row.phase === "fault" ? row.reason : row.phase === "kept" ? row.error : undefined;
  const macs = members.flatMap(({ place }) => {
    if (place?.kind === "function") return functionAddress(place, row);
    const found = networks.find((card) =>
      place?.kind === "pci" ? card.pci === place.address : place?.kind === "card" && card.name === place.name,
    );
    return found === undefined ? [] : [{ macAddress: found.mac }];
  });
  return {
    ...{ name, type: deviceType(first?.kind ?? "other"), usage: usageNumber(first?.usage ?? "none") },
    members: members.map((member) => member.name),
    usedByAppUUID: row.phase === "lent" ? row.appId : "",
    usedByBaseOS: row.phase === "kept",
    ioAddressList: macs,
    ...(error === undefined ? {} : { err: errorInfo(error, ["PORT", "", name], bySelf) }),
  };
}

/** As it was given away, else as the configuration has it; EVE tells it where it has an address of its own. */
function functionAddress(
  { index, wish }: Extract<DevicePlace, { kind: "function" }>,
  row: DeviceStatus,
): NonNullable<Bundles[number]["ioAddressList"]> {
  const lent = row.phase === "lent" ? row.devices : [];
  const dress = lent.flatMap((it) => (it.kind === "pci" && it.dress?.index === index ? it.dress : []))[0];
  const { mac: macAddress, vlan: vlanId = 0 } = dress ?? wish;
  return macAddress === undefined ? [] : [{ macAddress, vfInfo: { index, vlanId } }];
}
