import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Log } from "@selvedge/base";
import { config, scepProxy } from "@selvedge/eve-api";
import { ManualClock } from "../../test/manual-clock.ts";
import { BusyError } from "../ports.ts";
import type { ScepHeard } from "./scep-plan.ts";
import { ScepProxy } from "./scep-proxy.ts";

const profile = { profileName: "plant", scepUrl: "http://ca.example/scep", useControllerProxy: true };
const made = create(config.EdgeDevConfigSchema, { scepProfiles: [profile] });
const current = { config: toBinary(config.EdgeDevConfigSchema, made), hash: "h" };
const question = toBinary(
  scepProxy.SCEPProxyRequestSchema,
  create(scepProxy.SCEPProxyRequestSchema, { scepProfileName: "plant", operation: 1 }),
);

function proxyOf(http: ConstructorParameters<typeof ScepProxy>[0]["http"]): {
  proxy: ScepProxy;
  clock: ManualClock;
} {
  const clock = new ManualClock();
  const book = { current: () => current, onChange: () => () => undefined };
  const log = new Log("test", clock, () => undefined);
  return { clock, proxy: new ScepProxy({ book, http, clock, log, seal: (payload) => payload }) };
}

describe("questions for authorities", () => {
  it("are given up after twenty seconds, with 502: the node asks again", async () => {
    const { proxy, clock } = proxyOf(
      (_ask, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
    const asked = proxy.answer("a", question);
    clock.step(20_000);
    const { status, body } = (await asked) as { status: number; body: Uint8Array };
    assert.deepEqual([status, Buffer.from(body).toString()], [502, "http://ca.example: no answer in time\n"]);
  });

  it("are so many at once that a node, or a fleet, that asks more is to ask again", async () => {
    const waiting: ((heard: ScepHeard) => void)[] = [];
    const { proxy } = proxyOf(() => new Promise((resolve) => waiting.push(resolve)));
    const first = [proxy.answer("a", question), proxy.answer("a", question)];
    await assert.rejects(proxy.answer("a", question), BusyError);
    const others = Array.from({ length: 62 }, (_, index) => proxy.answer(`n${index}`, question));
    await assert.rejects(proxy.answer("late", question), BusyError);
    for (const answer of waiting.splice(0)) answer({ status: 200, headers: [], body: new Uint8Array() });
    await Promise.all([...first, ...others]);
    const again = proxy.answer("a", question);
    for (const answer of waiting) answer({ status: 200, headers: [], body: new Uint8Array() });
    assert.equal((await again).status, 200);
  });
});
