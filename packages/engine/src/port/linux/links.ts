import { describeError } from "@selvedge/base";
import { list, run } from "../../network/linux/run.ts";
import { aliasStart, planLinks } from "../link-plan.ts";
import type { BondState, PortProblems } from "../port-driver.ts";
import type { LinkSpec } from "../port-spec.ts";

/** What `ip -j -d link` says of a link, as far as we read it. */
export interface Link {
  readonly ifname: string;
  readonly address?: string;
  /** Its own, where it goes by another. */
  readonly permaddr?: string;
  readonly mtu?: number;
  readonly flags?: readonly string[];
  readonly master?: string;
  readonly ifalias?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: {
      readonly active_slave?: string;
      readonly ad_info?: { readonly aggregator?: number; readonly partner_mac?: string };
    };
    readonly info_slave_kind?: string;
    readonly info_slave_data?: { readonly mii_status?: string; readonly ad_aggregator_id?: number };
  };
}

export async function listLinks(): Promise<readonly Link[]> {
  return await list<Link>("ip", ["-j", "-d", "link", "show"]);
}

/** Makes VLANs and bonds; what fails is told by the link's name, and the others go on. */
export async function applyLinks(wanted: readonly LinkSpec[]): Promise<PortProblems> {
  const links = await listLinks();
  if (wanted.length === 0 && !links.some(({ ifalias = "" }) => ifalias.startsWith(aliasStart)))
    return new Map();
  const present = links.map(({ ifname, ifalias = "", master = "" }) => ({
    ...{ name: ifname, alias: ifalias, master },
  }));
  const plan = planLinks(present, wanted);
  const problems = new Map(plan.problems);
  for (const { link, line } of plan.steps) {
    if (problems.has(link)) continue;
    try {
      await run("ip", ["-batch", "-"], line);
    } catch (error) {
      problems.set(link, describeError(error));
    }
  }
  return problems;
}

/** Undefined for what is no bond. */
export function bondState({ ifname, linkinfo }: Link, links: readonly Link[]): BondState | undefined {
  if (linkinfo?.info_kind !== "bond") return undefined;
  const { active_slave: active = "", ad_info: agreed = {} } = linkinfo.info_data ?? {};
  const members = links.filter(({ master }) => master === ifname);
  return {
    active,
    partnerMac: agreed.partner_mac ?? "",
    aggregator: agreed.aggregator ?? 0,
    members: members.map((member) => {
      const { mii_status: status = "", ad_aggregator_id: aggregator = 0 } =
        member.linkinfo?.info_slave_data ?? {};
      return { card: member.ifname, up: status === "UP", aggregator };
    }),
  };
}

/** What speaks for a card: a bridge that it is in, else itself. A switch's apps share the card with the node. */
export function speakerOf(card: string, links: readonly Link[]): string {
  const master = links.find(({ ifname }) => ifname === card)?.master;
  const above = links.find(({ ifname }) => ifname === master);
  return above?.linkinfo?.info_kind === "bridge" ? above.ifname : card;
}
