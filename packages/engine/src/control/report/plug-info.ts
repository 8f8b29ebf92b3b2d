import type { MessageInitShape } from "@bufbuild/protobuf";
import type { info } from "@selvedge/eve-api";
import { familyOf } from "../../network/address.ts";
import type { NicStatus } from "../../observed.ts";

/** An app's plugs as ZInfoApp has them. */
export function plugInfos(
  nics: readonly NicStatus[],
): NonNullable<MessageInitShape<typeof info.ZInfoAppSchema>["network"]> {
  return nics.flatMap((nic) => {
    if (nic.phase !== "ready") return [];
    const host = hostOf(nic);
    return [
      {
        macAddr: nic.mac,
        devName: nic.tap,
        IPAddrs: host === "" ? [] : [host],
        defaultRouters: nic.router === undefined ? [] : [nic.router],
        dns: { DNSservers: [...nic.dns], DNSsearch: [...nic.searchDomains] },
        ipv4Up: host !== "" && familyOf(host) === "ip",
      },
    ];
  });
}

/** Without its prefix length; empty when it is not known. */
export function hostOf({ address }: Extract<NicStatus, { phase: "ready" }>): string {
  return address.replace(/\/.*/, "");
}
