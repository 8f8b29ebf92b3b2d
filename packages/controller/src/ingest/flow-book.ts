import { timestampDate } from "@bufbuild/protobuf/wkt";
import { LruMap } from "@selvedge/base";
import { flowlog } from "@selvedge/eve-api";
import type { NodeId } from "../ports.ts";

/** One connection or name lookup of an app, as its node saw it. Numbers fit: JSON is read by people here. */
export type FlowEntry =
  | {
      readonly type: "flow";
      readonly app: string;
      readonly network: string;
      readonly source: string;
      readonly destination: string;
      readonly protocol: number;
      readonly inbound: boolean;
      readonly action: "accept" | "drop" | "unknown";
      readonly rule: string;
      readonly start: string;
      readonly end: string;
      readonly sentBytes: number;
      readonly receivedBytes: number;
    }
  | {
      readonly type: "dns";
      readonly app: string;
      readonly network: string;
      readonly name: string;
      readonly addresses: readonly string[];
      readonly at: string;
    };

/** What a person looks through. */
const entriesMax = 500;
/** 100,000 entries in all, some 30 MB; flow logs are off unless a network asks for them. */
const nodesMax = 200;
const textMax = 255;
const addressesMax = 16;

const actions: Readonly<Record<number, "accept" | "drop">> = {
  [flowlog.ACLAction.ActionAccept]: "accept",
  [flowlog.ACLAction.ActionDrop]: "drop",
};

/** The newest flows of the nodes that sent any last: in memory, to look into, not to bill by. */
export class FlowBook {
  readonly #nodes = new LruMap<NodeId, FlowEntry[]>(nodesMax);
  #received = 0;

  take(node: NodeId, message: flowlog.FlowMessage): void {
    const entries = entriesOf(message);
    this.#received += entries.length;
    if (entries.length === 0) return;
    this.#nodes.set(node, [...(this.#nodes.get(node) ?? []), ...entries].slice(-entriesMax));
  }

  /** Oldest first. */
  of(node: NodeId): readonly FlowEntry[] {
    return this.#nodes.get(node) ?? [];
  }

  /** Since the start, of all nodes. */
  get received(): number {
    return this.#received;
  }

  forget(node: NodeId): void {
    this.#nodes.delete(node);
  }
}

function entriesOf({ scope, flows, dnsReqs }: flowlog.FlowMessage): FlowEntry[] {
  const of = { app: short(scope?.uuid), network: short(scope?.netInstUUID) };
  return [
    ...flows.slice(-entriesMax).map((record): FlowEntry => {
      const { flow, inbound, aclName, aclId, action } = record;
      return {
        ...{ type: "flow", ...of, inbound, action: actions[action] ?? "unknown" },
        source: `${short(flow?.src)}:${flow?.srcPort ?? 0}`,
        destination: `${short(flow?.dest)}:${flow?.destPort ?? 0}`,
        protocol: flow?.protocol ?? 0,
        rule: short(aclName) || `${aclId}`,
        ...{ start: timeOf(record.startTime), end: timeOf(record.endTime) },
        ...{ sentBytes: Number(record.txBytes), receivedBytes: Number(record.rxBytes) },
      };
    }),
    ...dnsReqs.slice(-entriesMax).map(
      ({ hostName, addrs, requestTime }): FlowEntry => ({
        ...{ type: "dns", ...of, name: short(hostName), at: timeOf(requestTime) },
        addresses: addrs.slice(0, addressesMax).map(short),
      }),
    ),
  ];
}

function short(text = ""): string {
  return text.slice(0, textMax);
}

function timeOf(at: Parameters<typeof timestampDate>[0] | undefined): string {
  const date = at === undefined ? undefined : timestampDate(at);
  return date === undefined || Number.isNaN(date.getTime()) ? "" : date.toISOString();
}
