import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { attest } from "@selvedge/eve-api";
import { Box, NodeWorld, selfSigned } from "../../test/node-world.ts";
import { conditionOf } from "../objects/conditions.ts";

const onboarding = await selfSigned("onboarding");
const { SUCCESS, QUOTE_FAILED } = attest.ZAttestResponseCode;

/** A box without a TPM in a world whose profile says this of TPMs. */
async function box(world: NodeWorld, requireTPM?: boolean): Promise<Box> {
  await world.addProfile(onboarding, requireTPM === undefined ? {} : { requireTPM });
  const made = await Box.make(world, onboarding, "A");
  await made.register();
  await made.fetchUuid();
  world.configs.set(made.id, { config: new Uint8Array(), hash: "h" });
  return made;
}

const attested = (world: NodeWorld): readonly (string | undefined)[] => {
  const condition = conditionOf(world.edgeNode("a")?.status?.conditions, "Attested");
  return [condition?.status, condition?.reason];
};

describe("a box without a TPM", () => {
  const rows: readonly (readonly [string, boolean | undefined, taken: boolean, says: readonly string[]])[] = [
    ["is served and not believed where nothing is said", undefined, true, ["False", "SoftwareKeys"]],
    ["is taken at its word by a profile that says so", false, true, ["True", "SoftwareKeys"]],
    ["gets nothing from a profile that requires one", true, false, ["False", "TPMRequired"]],
  ];
  for (const [name, requireTPM, taken, says] of rows) {
    it(name, async () => {
      await using world = await NodeWorld.start();
      const stranger = await box(world, requireTPM);
      assert.equal(world.edgeNode("a")?.spec.requireTPM, requireTPM);
      const answer = await stranger.attestInSoftware();
      assert.equal(answer?.response, taken ? SUCCESS : QUOTE_FAILED);
      assert.equal(answer?.integrityToken.length, taken ? 32 : 0);
      assert.equal((await stranger.poll("")).status, taken ? 200 : 403);
      await world.reconcile("a");
      assert.deepEqual(attested(world), says);
    });
  }

  it("loses its configuration once its owner requires one, and gets it back", async () => {
    await using world = await NodeWorld.start();
    const weak = await box(world);
    await weak.attestInSoftware();
    assert.equal((await weak.poll("h")).status, 304);
    for (const [requireTPM, status, says] of [
      [true, 403, ["False", "TPMRequired"]],
      [false, 304, ["True", "SoftwareKeys"]],
    ] as const) {
      await world.changeSpec("a", { requireTPM });
      await world.reconcile("a");
      assert.equal((await weak.poll("h")).status, status);
      assert.deepEqual(attested(world), says);
    }
  });

  it("does not get round the rule of an EdgeNode that was made beforehand", async () => {
    await using world = await NodeWorld.start();
    await world.addEdgeNode("a", { serial: "A" });
    const adopted = await box(world, true);
    assert.equal((await adopted.attestInSoftware())?.response, QUOTE_FAILED);
  });
});
