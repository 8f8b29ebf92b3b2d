/** Who said what to whom: what the kernel and the resolvers noted, put to the apps it belongs to. Pure. */
import type { Instant } from "@selvedge/base";
import type { AppId, DesiredState, NetworkId, NicSpec } from "../desired.ts";
import type { NetworkStatus, NicStatus } from "../observed.ts";
import { placesOf } from "./access-list.ts";

/** A connection, or a piece of one that lasts, as the kernel counted it. */
export interface CountedFlow {
  readonly protocol: number;
  readonly source: string;
  readonly sourcePort: number;
  /** As its source meant it, and whom it reached when the node led it elsewhere. */
  readonly target: string;
  readonly targetPort: number;
  readonly reached: string;
  readonly reachedPort: number;
  /** Sent by the source, and answered. */
  readonly sent: { readonly packets: bigint; readonly bytes: bigint };
  readonly answered: { readonly packets: bigint; readonly bytes: bigint };
  readonly mark: number;
  readonly startedAt: Instant;
  readonly endedAt: Instant;
}

/** Packets that were not let through, summed up. */
export interface DeniedFlow {
  readonly protocol: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly target: string;
  readonly targetPort: number;
  readonly packets: bigint;
  readonly bytes: bigint;
  /** Place of the rule that said so, from 1; 0: none allowed it. */
  readonly place: number;
}

export interface DnsQuery {
  readonly client: string;
  readonly host: string;
  readonly addresses: readonly string[];
  readonly at: Instant;
}

export interface FlowNotes {
  /** That ended, or last for long. */
  readonly counted: readonly CountedFlow[];
  readonly denied: readonly DeniedFlow[];
  readonly queries: readonly DnsQuery[];
}

/** The node's side of flow logs. */
export interface FlowSource {
  /** What was noted since it was asked last. */
  collect(): Promise<FlowNotes>;
  /** Nobody wants it any more, or somebody does. */
  watch(wanted: boolean): void;
}

/** One flow seen from an app. */
export interface FlowRow {
  readonly address: string;
  readonly port: number;
  readonly remote: string;
  readonly remotePort: number;
  readonly protocol: number;
  readonly inbound: boolean;
  readonly accepted: boolean;
  readonly rule: { readonly id: number; readonly name: string };
  readonly startedAt: Instant;
  readonly endedAt: Instant;
  readonly tx: { readonly packets: bigint; readonly bytes: bigint };
  readonly rx: { readonly packets: bigint; readonly bytes: bigint };
}

/** Of one plug of an app. */
export interface FlowReport {
  readonly appId: AppId;
  readonly nic: string;
  readonly networkId: NetworkId;
  readonly bridge: string;
  readonly flows: readonly FlowRow[];
  readonly queries: readonly DnsQuery[];
}

interface Plugged {
  readonly appId: AppId;
  readonly nic: NicSpec;
  readonly address: string;
  readonly networkId: NetworkId;
  readonly bridge: string;
}

/** Plugs of networks whose flows are logged. */
export function loggedPlugs(
  desired: DesiredState | undefined,
  nics: ReadonlyMap<string, NicStatus>,
  networks: ReadonlyMap<NetworkId, NetworkStatus>,
): Plugged[] {
  const logged = new Set(desired?.networks.filter(({ flowLog }) => flowLog === true).map(({ id }) => id));
  return (desired?.apps ?? []).flatMap((app) =>
    app.nics.flatMap((nic): Plugged[] => {
      const row = nics.get(`${app.id}/${nic.name}`);
      const network = networks.get(nic.networkId);
      if (row?.phase !== "ready" || network?.phase !== "ready" || !logged.has(nic.networkId)) return [];
      const address = row.address.replace(/\/.*/, "");
      return [{ appId: app.id, nic, address, networkId: nic.networkId, bridge: network.bridge }];
    }),
  );
}

/** Reports of the plugs that had any traffic. */
export function reportFlows(notes: FlowNotes, plugs: readonly Plugged[], now: Instant): FlowReport[] {
  return plugs.flatMap((plug) => {
    const { address } = plug;
    const flows = [
      ...notes.counted.flatMap((flow) => countedRow(flow, plug)),
      ...notes.denied.flatMap((flow) => deniedRow(flow, plug, now)),
    ];
    const queries = notes.queries.filter(({ client }) => client === address);
    if (flows.length === 0 && queries.length === 0) return [];
    const { appId, nic, networkId, bridge } = plug;
    return [{ appId, nic: nic.name, networkId, bridge, flows, queries }];
  });
}

const nobody = { id: 0, name: "" };

function countedRow(flow: CountedFlow, { nic, address }: Plugged): FlowRow[] {
  const { protocol, startedAt, endedAt, sent, answered } = flow;
  const places = placesOf(flow.mark);
  const common = { protocol, accepted: true, startedAt, endedAt, address };
  const rule = (place: number | undefined): FlowRow["rule"] => nic.rules[place ?? -1] ?? nobody;
  const rows: FlowRow[] = [];
  if (flow.source === address)
    rows.push({
      ...{ ...common, inbound: false, port: flow.sourcePort, rule: rule(places.out), tx: sent, rx: answered },
      ...{ remote: flow.target, remotePort: flow.targetPort },
    });
  if (flow.reached === address)
    rows.push({
      ...{ ...common, inbound: true, port: flow.reachedPort, rule: rule(places.in), tx: answered, rx: sent },
      ...{ remote: flow.source, remotePort: flow.sourcePort },
    });
  return rows;
}

function deniedRow(flow: DeniedFlow, { nic, address }: Plugged, now: Instant): FlowRow[] {
  const inbound = flow.target === address;
  if (!inbound && flow.source !== address) return [];
  const counted = { packets: flow.packets, bytes: flow.bytes };
  const none = { packets: 0n, bytes: 0n };
  const [mine, theirs] = inbound
    ? [flow.targetPort, { remote: flow.source, remotePort: flow.sourcePort }]
    : [flow.sourcePort, { remote: flow.target, remotePort: flow.targetPort }];
  return [
    {
      ...{ address, port: mine, ...theirs, protocol: flow.protocol, inbound, accepted: false },
      rule: flow.place === 0 ? nobody : (nic.rules[flow.place - 1] ?? nobody),
      ...{ startedAt: now, endedAt: now, tx: inbound ? none : counted, rx: inbound ? counted : none },
    },
  ];
}
