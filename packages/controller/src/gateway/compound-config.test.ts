/** A configuration for whoever stands in for the controller: asked by the node itself, or by a console between. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { auth, compound, config, decodeEnvelope } from "@selvedge/eve-api";
import { Box, enrolledBox, envelope, selfSigned } from "../../test/node-world.ts";
import type { DeviceResponse } from "../ports.ts";

const onboarding = await selfSigned("onboarding");
const rendered = {
  config: toBinary(config.EdgeDevConfigSchema, create(config.EdgeDevConfigSchema, { deviceName: "box" })),
  hash: "h1",
};

async function ask(
  box: Box,
  configHash = "",
  { lastCmdTimestamp = 0n, integrityToken = box.token } = {},
): Promise<DeviceResponse> {
  const cfgReq = { configHash, integrityToken };
  return await box.post("compoundConfig", compound.CompoundEdgeDevConfigRequestSchema, {
    ...{ lastCmdTimestamp, cfgReq },
  });
}

function read({ status, headers, body }: DeviceResponse): compound.CompoundEdgeDevConfig {
  assert.deepEqual([status, headers["content-type"]], [200, "application/x-proto-binary"]);
  return fromBinary(compound.CompoundEdgeDevConfigSchema, body);
}

describe("a configuration for who stands in for the controller", () => {
  it("is the one a poll gets, in the same envelope, without commands", async () => {
    await using both = await enrolledBox(onboarding, rendered);
    const { world, box } = both;
    const answer = read(await ask(box));
    const { protectedConfig, timestamp, devCmd, appCmdList, radioConfig } = answer;
    assert.deepEqual([devCmd, appCmdList, radioConfig], [undefined, undefined, undefined]);
    assert.equal(timestamp, BigInt(world.clock.at) * 1_000_000n);
    const sealed = toBinary(auth.AuthContainerSchema, protectedConfig as auth.AuthContainer);
    assert.equal(Buffer.compare(sealed, (await box.poll()).body), 0);
    const { payload } = decodeEnvelope(sealed);
    assert.equal(fromBinary(config.ConfigResponseSchema, payload).config?.deviceName, "box");
  });

  it("is told as unchanged, forbidden and not there as a poll is", async () => {
    await using both = await enrolledBox(onboarding, rendered);
    const { world, box } = both;
    const statusOf = async (...asked: Parameters<typeof ask>): Promise<number> =>
      (await ask(...asked)).status;
    assert.equal(await statusOf(box, "h1"), 304);
    assert.equal(await statusOf(box, "", { integrityToken: new Uint8Array() }), 403);
    assert.equal(await statusOf(box, "", { integrityToken: box.token.map((byte) => byte ^ 1) }), 403);
    world.configs.delete(box.id);
    assert.equal(await statusOf(box), 404);
    const stranger = await Box.make(world, onboarding, "B");
    stranger.id = box.id;
    assert.equal(await statusOf(stranger), 404, "so that it asks for its name");
    const rubbish = envelope(box.device, Uint8Array.of(0xff));
    assert.equal((await world.request("compoundConfig", rubbish, { node: box.id })).status, 422);
    assert.equal(
      (await world.request("compoundConfig", rubbish, { node: box.id, method: "GET" })).status,
      405,
    );
  });

  it("is never older than what the node has heard from a console", async () => {
    await using both = await enrolledBox(onboarding, rendered);
    const ahead = BigInt(both.world.clock.at + 60_000) * 1_000_000n;
    assert.equal(read(await ask(both.box, "", { lastCmdTimestamp: ahead })).timestamp, ahead);
  });

  it("can be fetched by a console with what its node signed, and for one that never gets here", async () => {
    await using both = await enrolledBox(onboarding, rendered);
    const { world, box } = both;
    const cfgReq = { configHash: "", integrityToken: box.token };
    const asked = create(compound.CompoundEdgeDevConfigRequestSchema, { cfgReq });
    const signed = envelope(box.device, toBinary(compound.CompoundEdgeDevConfigRequestSchema, asked));
    const relayed = await world.request("compoundConfig", signed, { node: box.id, remote: "192.0.2.9" });
    const carried = fromBinary(
      compound.CompoundEdgeDevConfigSchema,
      world.gateway.compoundOf(box.id) ?? new Uint8Array(),
    );
    assert.deepEqual(read(relayed).protectedConfig, carried.protectedConfig);
    assert.equal(world.gateway.compoundOf("00000000-0000-4000-8000-000000000000"), undefined);
  });
});
