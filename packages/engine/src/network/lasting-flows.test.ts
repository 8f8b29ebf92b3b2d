import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import type { CountedFlow } from "./flow-log.ts";
import { LastingFlows, lastingMax } from "./lasting-flows.ts";

/** Seen at that second, having begun and counted so much. */
function flow(at: number, began: number, packets: number, sourcePort = 40_000): CountedFlow {
  const counted = { packets: BigInt(packets), bytes: BigInt(packets * 100) };
  return {
    ...{ protocol: 6, source: "10.1.0.2", sourcePort, target: "192.0.2.2", targetPort: 443, mark: 0 },
    ...{ reached: "192.0.2.2", reachedPort: 443, sent: counted, answered: counted },
    ...{ startedAt: instant(began * 1000), endedAt: instant(at * 1000) },
  };
}

type Step = readonly ["lasts" | "ended", CountedFlow];
type Piece = readonly [from: number, to: number, packets: number] | undefined;

describe("a connection that lasts", () => {
  const rows: readonly (readonly [string, readonly Step[], readonly Piece[]])[] = [
    ["is told whole when it ends before it is looked for", [["ended", flow(5, 0, 9)]], [[0, 5, 9]]],
    [
      "is told in pieces, and the rest when it ends",
      [
        ["lasts", flow(600, 0, 10)],
        ["lasts", flow(1200, 0, 15)],
        ["ended", flow(1300, 0, 17)],
      ],
      [
        [0, 600, 10],
        [600, 1200, 5],
        [1200, 1300, 2],
      ],
    ],
    [
      "is not told while nobody says anything, and its next piece begins where the last one ended",
      [
        ["lasts", flow(600, 0, 10)],
        ["lasts", flow(1200, 0, 10)],
        ["lasts", flow(1800, 0, 11)],
      ],
      [[0, 600, 10], undefined, [600, 1800, 1]],
    ],
    [
      "ends with a piece also when nothing was said any more",
      [
        ["lasts", flow(600, 0, 10)],
        ["ended", flow(700, 0, 10)],
      ],
      [
        [0, 600, 10],
        [600, 700, 0],
      ],
    ],
    [
      "is the same though the kernel rounds when it began",
      [
        ["lasts", flow(600, 0, 10)],
        ["lasts", flow(1200, 1, 15)],
      ],
      [
        [0, 600, 10],
        [600, 1200, 5],
      ],
    ],
    [
      "is another where it began anew",
      [
        ["lasts", flow(600, 0, 10)],
        ["lasts", flow(1800, 1000, 30)],
      ],
      [
        [0, 600, 10],
        [1000, 1800, 30],
      ],
    ],
    [
      "is another where it counts less",
      [
        ["lasts", flow(600, 0, 10)],
        ["ended", flow(601, 1, 2)],
      ],
      [
        [0, 600, 10],
        [1, 601, 2],
      ],
    ],
    [
      "is another of the same ports once it has ended",
      [
        ["lasts", flow(600, 0, 10)],
        ["ended", flow(601, 0, 12)],
        ["ended", flow(602, 0, 20)],
      ],
      [
        [0, 600, 10],
        [600, 601, 2],
        [0, 602, 20],
      ],
    ],
  ];
  for (const [name, steps, pieces] of rows) {
    it(name, () => {
      const flows = new LastingFlows();
      const told = steps.map(([what, it]) => (what === "ended" ? flows.ended(it) : flows.lasting(it)));
      assert.deepEqual(
        told.map((it) => it && [it.startedAt / 1000, it.endedAt / 1000, Number(it.sent.packets)]),
        pieces,
      );
      for (const it of told) assert.equal(it?.answered.bytes, it && it.answered.packets * 100n);
    });
  }

  it("is forgotten when more last than a node looks at", () => {
    const flows = new LastingFlows();
    for (let port = 0; port <= lastingMax; port++) flows.lasting(flow(600, 0, 10, port));
    assert.equal(flows.ended(flow(700, 0, 11, 0)).sent.packets, 11n);
    assert.equal(flows.ended(flow(700, 0, 11, lastingMax)).sent.packets, 1n);
  });
});
