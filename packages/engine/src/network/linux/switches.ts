import type { SwitchItem, SwitchPort } from "../network-driver.ts";
import { list, run } from "./run.ts";

interface Shown {
  readonly ifname: string;
  readonly linkinfo?: {
    readonly info_data?: {
      readonly stp_state?: number;
      readonly vlan_filtering?: number;
      /** In hexadecimal. */
      readonly group_fwd_mask?: string;
    };
    readonly info_slave_data?: { readonly guard?: boolean };
  };
}

interface ShownVlans {
  readonly ifname: string;
  readonly vlans: readonly {
    readonly vlan: number;
    readonly vlanEnd?: number;
    readonly flags?: readonly string[];
  }[];
}

/** What has no tag is in this one, among ends that are of none. */
const untagged = 1;

/** The bit of what LLDP is sent to, 01-80-C2-00-00-0E, which bridges by themselves do not pass on. */
const lldpGroup = 1 << 14;

/** Compares what switches let by with what is wanted, and changes what differs. */
export async function applySwitches(wanted: readonly SwitchItem[]): Promise<void> {
  if (wanted.length === 0) return;
  const links = new Map((await list<Shown>("ip", ["-d", "-j", "link", "show"])).map((it) => [it.ifname, it]));
  const aware = wanted.some((it) => it.aware);
  const vlans = aware ? await list<ShownVlans>("bridge", ["-j", "vlan", "show"]) : [];
  const lines: string[] = [];
  for (const item of wanted) {
    const now = links.get(item.bridge)?.linkinfo?.info_data;
    if (now === undefined) continue;
    const filters = item.aware ? 1 : 0;
    // A kernel that knows of none tells of none.
    if ((now.vlan_filtering ?? 0) !== filters)
      await run("ip", ["link", "set", "dev", item.bridge, "type", "bridge", "vlan_filtering", `${filters}`]);
    const groups = item.lldp ? lldpGroup : 0;
    if (Number(now.group_fwd_mask ?? 0) !== groups)
      await run("ip", ["link", "set", "dev", item.bridge, "type", "bridge", "group_fwd_mask", `${groups}`]);
    for (const port of item.ports) {
      const link = links.get(port.name);
      if (link === undefined) continue;
      if ((link.linkinfo?.info_slave_data?.guard ?? false) !== port.guarded)
        await run("ip", [
          "link",
          "set",
          "dev",
          port.name,
          "type",
          "bridge_slave",
          "guard",
          port.guarded ? "on" : "off",
        ]);
      if (!item.aware) continue;
      const has = vlans.find(({ ifname }) => ifname === port.name)?.vlans ?? [];
      lines.push(...vlanLines(port, has));
    }
  }
  if (lines.length > 0) await run("bridge", ["-batch", "-"], lines.join("\n"));
}

/** Before a second card is in a bridge: frames would go round for as long as it takes to find the loop. */
export async function findLoops(bridge: string, finds: boolean): Promise<void> {
  const [link] = await list<Shown>("ip", ["-d", "-j", "link", "show", "dev", bridge]);
  const wanted = finds ? 1 : 0;
  if (link?.linkinfo?.info_data?.stp_state !== wanted)
    await run("ip", ["link", "set", "dev", bridge, "type", "bridge", "stp_state", `${wanted}`]);
}

/** Lines for `bridge -batch` that make one of the other. Pure. */
export function vlanLines(port: SwitchPort, has: ShownVlans["vlans"]): string[] {
  const { name, vlans } = port;
  const wanted = new Map<number, string>(
    vlans.kind === "access"
      ? [[vlans.vlan, "pvid untagged"]]
      : [[untagged, "pvid untagged"], ...vlans.vlans.map((vlan): [number, string] => [vlan, ""])],
  );
  const now = new Map(
    has.flatMap(({ vlan, vlanEnd = vlan, flags = [] }) =>
      Array.from({ length: vlanEnd - vlan + 1 }, (_, at): [number, string] => {
        const words = [
          flags.includes("PVID") ? "pvid" : "",
          flags.includes("Egress Untagged") ? "untagged" : "",
        ];
        return [vlan + at, words.filter((it) => it !== "").join(" ")];
      }),
    ),
  );
  const gone = [...now.keys()].filter((vlan) => !wanted.has(vlan));
  const missing = [...wanted].filter(([vlan, how]) => now.get(vlan) !== how);
  return [
    ...gone.map((vlan) => `vlan del dev ${name} vid ${vlan}`),
    ...missing.map(([vlan, how]) => `vlan add dev ${name} vid ${vlan}${how === "" ? "" : ` ${how}`}`),
  ];
}
