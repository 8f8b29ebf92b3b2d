import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import type { AppId, NetworkId } from "../../desired.ts";
import type { FlowReport, FlowRow } from "../../network/flow-log.ts";
import { flowMessages } from "./flow-upload.ts";

const row: FlowRow = {
  ...{ address: "10.1.0.2", port: 1, remote: "192.0.2.2", remotePort: 80, protocol: 6, inbound: false },
  ...{ accepted: true, rule: { id: 9, name: "web" }, startedAt: instant(1000), endedAt: instant(3000) },
  ...{ tx: { packets: 1n, bytes: 2n }, rx: { packets: 3n, bytes: 4n } },
};
const report: FlowReport = {
  ...{ appId: "a" as AppId, nic: "main", networkId: "n" as NetworkId, bridge: "svb0" },
  flows: [row, { ...row, accepted: false }],
  queries: [{ client: "10.1.0.2", host: "web", addresses: ["192.0.2.2"], at: instant(2000) }],
};

describe("flow messages", () => {
  it("say whose flows they are, and what became of them", () => {
    const [message, ...more] = flowMessages("node", report);
    assert.equal(more.length, 0);
    assert.deepEqual(
      { ...message?.scope, $typeName: "" },
      {
        ...{ $typeName: "", uuid: "a", intf: "main", localIntf: "svb0", netInstUUID: "n" },
      },
    );
    const [first, second] = message?.flows ?? [];
    assert.deepEqual(
      [first?.flow?.src, first?.flow?.destPort, first?.aclId, first?.aclName],
      ["10.1.0.2", 80, 9, "web"],
    );
    assert.deepEqual(
      [first?.txBytes, first?.rxPkts, first?.startTime?.seconds, first?.endTime?.seconds],
      [2n, 3n, 1n, 3n],
    );
    assert.deepEqual([first?.action, second?.action], [2, 1]);
    assert.deepEqual([message?.dnsReqs[0]?.hostName, message?.dnsReqs[0]?.addrs], ["web", ["192.0.2.2"]]);
  });

  it("are as many as it takes, so that each can be taken", () => {
    const many = flowMessages("node", { ...report, flows: Array.from({ length: 4001 }, () => row) });
    assert.deepEqual(
      many.map(({ flows }) => flows.length),
      [2000, 2000, 1],
    );
    assert.deepEqual(
      many.map(({ dnsReqs }) => dnsReqs.length),
      [1, 0, 0],
    );
  });
});
