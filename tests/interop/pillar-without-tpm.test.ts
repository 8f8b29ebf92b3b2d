/** EVE's own agents on a box without a TPM: their keys are in files, and they upload one to attest with anyway. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type EdgeNode, edgeNodeKind } from "@selvedge/kinds";
import { kubectlMissing } from "../kubectl.ts";
import { pillarBoxMissing } from "./pillar/pillar-box.ts";
import { buildPillar } from "./pillar/pillar-build.ts";
import { name } from "./pillar/pillar-wishes.ts";
import { PillarWorld } from "./pillar/pillar-world.ts";

const program = pillarBoxMissing() || (await kubectlMissing()) || buildPillar();
const skip = typeof program === "string" ? program : false;

describe("EVE's own agents without a TPM, and our controller", { skip, timeout: 120_000 }, () => {
  it("are taken at their word where that is enough, and given a configuration", async () => {
    assert.ok(typeof program === "object");
    await using world = await PillarWorld.start(program.path, false);
    await world.during(async () => {
      await world.box.said("onboarded");
      await world.condition("Attested", "True");
      await world.condition("ConfigAccepted", "True");
    });
    const node = await world.kube.find<EdgeNode>(edgeNodeKind, name);
    const attested = node?.status?.conditions?.find(({ type }) => type === "Attested");
    assert.equal(attested?.reason, "SoftwareKeys");
  });
});
