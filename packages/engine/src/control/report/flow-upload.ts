/** FlowMessages: what apps said to whom, one message a plug, sent until the controller has them. */
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Clock, describeError, type Log, millis, type Random, seconds, sleep } from "@selvedge/base";
import { flowlog } from "@selvedge/eve-api";
import type { FlowReports } from "../../network/flow-book.ts";
import type { FlowReport, FlowRow } from "../../network/flow-log.ts";
import type { ControllerClient } from "../controller-client.ts";
import { outcomeOf } from "./answer.ts";

export interface FlowUploadParts {
  readonly client: ControllerClient;
  readonly flows: FlowReports;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly node: () => string;
}

/** EVE's interval; so many messages wait while the controller is away, the oldest give way. */
const interval = seconds(120);
const waitingMax = 200;
/** Flows and queries in one message: a controller takes a megabyte. */
const rowsMax = 2000;

/** What became of something that was to be told, as EVE counts it. */
interface Outcomes {
  sent: number;
  dropped: number;
  failed: number;
}

/** Since the start. */
export type FlowCounts = Readonly<Record<"messages" | "flows" | "queries", Outcomes>>;

export class FlowUpload {
  readonly counts: FlowCounts = { messages: none(), flows: none(), queries: none() };
  readonly #parts: FlowUploadParts;
  #waiting: flowlog.FlowMessage[] = [];

  constructor(parts: FlowUploadParts) {
    this.#parts = parts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log, flows, node } = this.#parts;
    for (;;) {
      await sleep(clock, millis(interval * (0.9 + 0.1 * random.next())), signal);
      try {
        if (flows.wanted)
          this.#waiting.push(...(await flows.take()).flatMap((report) => flowMessages(node(), report)));
        const lost = this.#waiting.slice(0, Math.max(0, this.#waiting.length - waitingMax));
        if (lost.length > 0) log.warn("flow logs that nobody took are lost", { messages: lost.length });
        for (const message of lost) this.#count(message, "dropped");
        this.#waiting = this.#waiting.slice(-waitingMax);
        await this.#send(signal);
      } catch (error) {
        signal.throwIfAborted();
        log.debug("flow logs have to wait", { error: describeError(error) });
      }
    }
  }

  async #send(signal: AbortSignal): Promise<void> {
    const { client, node, log } = this.#parts;
    for (let message = this.#waiting[0]; message !== undefined; message = this.#waiting[0]) {
      const payload = toBinary(flowlog.FlowMessageSchema, message);
      const { status } = await client
        .post("flowlog", payload, { node: node(), answer: "plain" }, signal)
        .catch((error: unknown) => {
          if (message !== undefined) this.#count(message, "failed");
          throw error;
        });
      const outcome = outcomeOf(status);
      this.#count(message, outcome === "again" ? "failed" : outcome === "never" ? "dropped" : "sent");
      if (outcome === "again") return;
      if (outcome === "never") log.warn("the controller does not take a flow log", { status });
      this.#waiting.shift();
    }
  }

  #count({ flows, dnsReqs }: flowlog.FlowMessage, outcome: keyof Outcomes): void {
    const { counts } = this;
    counts.messages[outcome]++;
    counts.flows[outcome] += flows.length;
    counts.queries[outcome] += dnsReqs.length;
  }
}

function none(): Outcomes {
  return { sent: 0, dropped: 0, failed: 0 };
}

/** One plug's report, in as many messages as it needs. Pure. */
export function flowMessages(node: string, report: FlowReport): flowlog.FlowMessage[] {
  const { appId, nic, networkId, bridge, flows, queries } = report;
  const count = Math.max(1, Math.ceil(Math.max(flows.length, queries.length) / rowsMax));
  return Array.from({ length: count }, (_, at) => {
    const part = <T>(rows: readonly T[]): readonly T[] => rows.slice(at * rowsMax, (at + 1) * rowsMax);
    return create(flowlog.FlowMessageSchema, {
      devId: node,
      scope: { uuid: appId, intf: nic, localIntf: bridge, netInstUUID: networkId },
      flows: part(flows).map(recordOf),
      dnsReqs: part(queries).map(({ host, addresses, at: time }) => ({
        ...{ hostName: host, addrs: [...addresses], requestTime: timestampFromMs(time) },
      })),
    });
  });
}

function recordOf(row: FlowRow): Parameters<typeof create<typeof flowlog.FlowRecordSchema>>[1] & object {
  return {
    flow: {
      ...{ src: row.address, srcPort: row.port, dest: row.remote, destPort: row.remotePort },
      protocol: row.protocol,
    },
    ...{ inbound: row.inbound, aclId: row.rule.id, aclName: row.rule.name },
    ...{ startTime: timestampFromMs(row.startedAt), endTime: timestampFromMs(row.endedAt) },
    ...{ txBytes: row.tx.bytes, txPkts: row.tx.packets, rxBytes: row.rx.bytes, rxPkts: row.rx.packets },
    action: row.accepted ? flowlog.ACLAction.ActionAccept : flowlog.ACLAction.ActionDrop,
  };
}
