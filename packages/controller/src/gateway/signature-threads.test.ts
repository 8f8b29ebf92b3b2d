import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { config } from "@selvedge/eve-api";
import {
  type Box,
  enrolledBox,
  envelope,
  type NodeWorld,
  selfSigned,
  signatureOf,
} from "../../test/node-world.ts";

const onboarding = await selfSigned("onboarding");
const rendered = { config: new Uint8Array(), hash: "h1" };

function poll({ device, token }: Box, over: { signature?: Uint8Array } = {}): Uint8Array {
  const message = create(config.ConfigRequestSchema, { configHash: "h1", integrityToken: token });
  return envelope(device, toBinary(config.ConfigRequestSchema, message), over);
}

describe("a signature that is verified beside the event loop", () => {
  it("of many at once, more than are let wait there, tells good from bad", async () => {
    await using both = await enrolledBox(onboarding, rendered);
    const { world, box } = both;
    const bad = signatureOf(box.device.key, new Uint8Array());
    const bodies = Array.from({ length: 200 }, (_, index) =>
      index % 10 === 0 ? poll(box, { signature: bad }) : poll(box),
    );
    const answers = await Promise.all(bodies.map((body) => world.request("config", body, { node: box.id })));
    assert.deepEqual(
      answers.map(({ status }) => status),
      bodies.map((_, index) => (index % 10 === 0 ? 401 : 304)),
    );
  });

  /** What happens to the node in the meantime, and what its poll gets. */
  const rows: readonly (readonly [what: string, act: (world: NodeWorld) => Promise<void>, status: number])[] =
    [
      ["nothing", async () => {}, 304],
      ["it is deleted", (world) => world.deleteEdgeNode("a"), 404],
      ["it is revoked", (world) => world.changeSpec("a", { approved: false }), 404],
    ];
  for (const [what, act, status] of rows) {
    it(`is worth what its node is worth when it is done: ${what}`, async () => {
      await using both = await enrolledBox(onboarding, rendered);
      const { world, box } = both;
      const threads = world.signatures;
      const held = Promise.withResolvers<void>();
      world.signatures = {
        verify: async (...signed) => {
          await held.promise;
          return await threads.verify(...signed);
        },
      };
      const body = poll(box);
      const answer = world.request("config", body, { node: box.id });
      await act(world);
      held.resolve();
      assert.equal((await answer).status, status);
      // Nor is it remembered as one that was good.
      assert.equal((await world.request("config", body, { node: box.id })).status, status);
    });
  }
});
