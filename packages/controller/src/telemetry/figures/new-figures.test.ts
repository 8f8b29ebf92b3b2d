import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Instant, instant } from "@selvedge/base";
import type { EdgeNode } from "@selvedge/kinds";
import type { Caches } from "../../objects/caches.ts";
import { type FleetFigures, nodeFigures, type Told } from "./fleet-figures.ts";
import { NewFigures } from "./new-figures.ts";

/** Nodes that tell a port's bytes, so many ports of them, at times the test says. */
class Fleet {
  readonly at = new Map<string, Instant>();
  readonly news: NewFigures;
  readonly #nodes: EdgeNode[];

  constructor(names: readonly string[], ports: number) {
    this.#nodes = names.map((name) => ({ status: { nodeID: name } }) as EdgeNode);
    for (const name of names) this.at.set(name, instant(1_000));
    const figure = nodeFigures.find(({ name }) => name === "selvedge_node_port_bytes_total");
    assert.ok(figure);
    const figures = {
      toldAt: ({ status }: EdgeNode) => this.at.get(status?.nodeID ?? ""),
      of: (node: EdgeNode): Told[] => {
        const samples = Array.from({ length: ports }, (_, port) => ({
          ...{
            type: "number" as const,
            value: port,
            labels: [node.status?.nodeID ?? "", `eth${port}`, "sent"],
          },
        }));
        const at = this.at.get(node.status?.nodeID ?? "") ?? instant(0);
        return [{ of: { node }, at, figures: [{ figure, samples, before: 1 }] }];
      },
    } as unknown as FleetFigures;
    const caches = { edgeNodes: { list: () => this.#nodes } } as unknown as Pick<Caches, "edgeNodes">;
    this.news = new NewFigures(figures, caches, (owner) => ({ "k8s.node.name": owner }));
  }

  /** Whom each message of a round is of, all of them taken. */
  round(take = true): string[][] {
    const found: string[][] = [];
    for (let batch = this.news.next(); batch !== undefined; batch = this.news.next()) {
      const { resourceMetrics } = batch.message as {
        resourceMetrics: { resource: { attributes: { value: { stringValue: string } }[] } }[];
      };
      found.push(resourceMetrics.map(({ resource }) => resource.attributes[0]?.value.stringValue ?? ""));
      if (take) batch.taken();
    }
    return found;
  }
}

describe("new figures", () => {
  it("are told by whose they are, in OpenTelemetry's words", () => {
    const batch = new Fleet(["a"], 1).news.next();
    const attributes = [
      { key: "network.interface.name", value: { stringValue: "eth0" } },
      { key: "network.io.direction", value: { stringValue: "transmit" } },
    ];
    const dataPoints = [{ attributes, timeUnixNano: "1000000000", asDouble: 0 }];
    const metric = {
      ...{ name: "system.network.io", description: "Bytes through a node's port.", unit: "By" },
      sum: { dataPoints, aggregationTemporality: 2, isMonotonic: true },
    };
    assert.deepEqual(batch?.message, {
      resourceMetrics: [
        {
          resource: { attributes: [{ key: "k8s.node.name", value: { stringValue: "a" } }] },
          scopeMetrics: [{ scope: { name: "selvedge" }, metrics: [metric] }],
        },
      ],
    });
    assert.equal(batch?.points, 1);
  });

  it("are told once, and again when there are newer ones", () => {
    const fleet = new Fleet(["a", "b"], 1);
    assert.deepEqual(fleet.round(), [["b", "a"]]);
    assert.deepEqual(fleet.round(), []);
    fleet.at.set("a", instant(2_000));
    assert.deepEqual(fleet.round(), [["a"]]);
  });

  it("are told again when nobody took them", () => {
    const fleet = new Fleet(["a", "b"], 1);
    assert.deepEqual(fleet.round(false), [["b", "a"]]);
    assert.deepEqual(fleet.round(), [["b", "a"]]);
  });

  it("are told in messages that a collector takes, nodes whole", () => {
    assert.deepEqual(new Fleet(["a", "b", "c", "d"], 1_500).round(), [
      ["d", "c"],
      ["b", "a"],
    ]);
  });

  it("are those of nodes whose figures still hold", () => {
    const fleet = new Fleet(["a", "b"], 1);
    fleet.at.delete("a");
    assert.deepEqual(fleet.round(), [["b"]]);
  });
});
