import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant, Log, millis, silentSink } from "@selvedge/base";
import type { AppId, NetworkId } from "../../desired.ts";
import type { ControllerClient } from "../controller-client.ts";
import { outcomeOf } from "./answer.ts";
import { FlowUpload } from "./flow-upload.ts";

const rows = [
  ["taken", [200, 201, 204, 304]],
  ["never", [400, 404, 405, 409, 413, 415, 422]],
  ["again", [403, 202, 301, 307, 401, 407, 408, 429, 500, 502, 503, 504]],
] as const;

describe("what becomes of a message", () => {
  for (const [outcome, statuses] of rows)
    it(`is ${outcome} when it is answered with ${statuses.join(", ")}`, () => {
      for (const status of statuses) assert.equal(outcomeOf(status), outcome, `${status}`);
    });
});

describe("flows that were told", () => {
  for (const [outcome, [status]] of rows)
    it(`are ${outcome === "again" ? "" : "not "}told again after ${status}`, async () => {
      const posts: number[] = [];
      const over = new AbortController();
      const { signal } = over;
      const flow = {
        ...{ address: "10.1.0.2", port: 1, remote: "192.0.2.2", remotePort: 80, protocol: 6, inbound: false },
        ...{ accepted: true, rule: { id: 9, name: "web" }, startedAt: instant(1000), endedAt: instant(3000) },
        ...{ tx: { packets: 1n, bytes: 2n }, rx: { packets: 3n, bytes: 4n } },
      };
      const scope = { appId: "a" as AppId, nic: "main", networkId: "n" as NetworkId, bridge: "svb0" };
      let rounds = 0;
      const clock = {
        now: () => instant(0),
        monotonic: () => millis(0),
        setTimer: (_after: number, done: () => void) => {
          if (++rounds > 2) over.abort();
          setImmediate(done);
          return { cancel: () => {} };
        },
      };
      const upload = new FlowUpload({
        client: {
          post: async () => {
            posts.push(status);
            return { status };
          },
        } as unknown as ControllerClient,
        flows: {
          wanted: true,
          take: async () => (posts.length === 0 ? [{ ...scope, flows: [flow], queries: [] }] : []),
        } as never,
        ...{ clock: clock as never, random: { next: () => 0 } as never, node: () => "node" },
        log: new Log("test", clock as never, silentSink),
      });
      await upload.run(signal).catch(() => undefined);
      // The third round is the last.
      assert.equal(posts.length, outcome === "again" ? 3 : 1);
      const { sent, dropped, failed } = upload.counts.flows;
      const counts = { taken: [1, 0, 0], never: [0, 1, 0], again: [0, 0, 3] }[outcome];
      assert.deepEqual([sent, dropped, failed], counts);
      assert.deepEqual([upload.counts.messages.failed, upload.counts.queries.sent], [failed, 0]);
    });
});
