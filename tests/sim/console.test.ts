/**
 * A console stands in for a controller that cannot be reached: it has no key of the controller's, and hands on what
 * its node signed and what the controller signed.
 */
import assert from "node:assert/strict";
import { pathOf } from "@selvedge/eve-api";
import type { EdgeNode } from "@selvedge/kinds";
import { edgeNodeKind } from "@selvedge/kinds";
import { controllerHost, daemonSet, type World } from "../../packages/harness/src/index.ts";
import { worldsOf } from "./seeds.ts";

const { describe, inWorlds } = worldsOf(import.meta.filename);

const consoleHost = "console.test:8443";

/** Relays to the controller, which only it can reach from now on; counts what it was asked, by path. */
function standIn(world: World): Map<string, number> {
  const controller = world.network.server(controllerHost);
  const asked = new Map<string, number>();
  world.network.serve(consoleHost, {
    handle: async (request) => {
      const what = request.target.split("/").at(-1) ?? "";
      const answer = await controller?.handle({ ...request, remote: "console" });
      const status = `${what} ${answer?.status}`;
      asked.set(status, (asked.get(status) ?? 0) + 1);
      return answer ?? { status: 502, headers: {}, body: new Uint8Array() };
    },
  });
  return asked;
}

async function edgeNode(world: World): Promise<EdgeNode> {
  const [first] = await world.list<EdgeNode>(edgeNodeKind);
  assert.ok(first !== undefined);
  return first;
}

describe("a node that reaches a console and not its controller", () => {
  inWorlds(
    "gets its apps by it, and is heard through it",
    async (world) => {
      const { metadata } = await edgeNode(world);
      await world.apply({
        ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name: metadata.name } },
        spec: { operatorConsole: { url: `https://${consoleHost}` } },
      } as EdgeNode);
      await world.until("the node to know its console", async () => {
        const { rendered, applied } = (await edgeNode(world)).status?.configHash ?? {};
        return rendered !== undefined && rendered === applied;
      });
      const asked = standIn(world);
      world.network.stopServing(controllerHost);
      await world.apply(daemonSet("web"));
      // Ready, says the Pod: what its node tells has come back by the same way.
      await world.settle();
      const path = pathOf("compoundConfig").split("/").at(-1);
      assert.ok((asked.get(`${path} 200`) ?? 0) >= 1, JSON.stringify([...asked]));
      assert.deepEqual(
        [...asked.keys()].filter((what) => !/^(compound-config (200|304)|info 201|metrics 201)$/.test(what)),
        [],
      );
      assert.equal(world.node().hypervisor.launches.length, 1);
    },
    { seeds: 1 },
  );
});
