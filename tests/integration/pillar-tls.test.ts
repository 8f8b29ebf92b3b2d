/** A strict box with EVE and a controller's real process, with TLS between as EVE makes it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { type Millis, millis, SystemClock, SystemRandom, sleep, type Timer } from "@selvedge/base";
import { type EdgeNode, edgeNodeKind, enrollmentProfileKind } from "@selvedge/kinds";
import { ControllerProcess } from "../../packages/harness/src/bench/controller-process.ts";
import { Life } from "../../packages/harness/src/life.ts";
import { PillarAgent } from "../../packages/harness/src/pillar/pillar-agent.ts";
import type { PillarDisk } from "../../packages/harness/src/pillar/pillar-disk.ts";
import { makeKeyPair, makePillarKeys } from "../../packages/harness/src/pillar/pillar-keys.ts";
import { tlsWire } from "../../packages/harness/src/pillar/pillar-tls.ts";
import { PillarTpm } from "../../packages/harness/src/pillar/pillar-tpm.ts";
import { Strictness } from "../../packages/harness/src/pillar/strictness.ts";

/** How many times as fast as life. */
const speed = 60;
const limitMs = 90_000;

/** Timers of a minute take a second; the date is the date. */
class FastClock extends SystemClock {
  override monotonic(): Millis {
    return millis(super.monotonic() * speed);
  }

  override setTimer(span: Millis, fire: () => void): Timer {
    return super.setTimer(millis(span / speed), fire);
  }
}

describe("a box with EVE over TLS", () => {
  it("enrols, attests, reports and reboots, on a new connection for each request", async () => {
    await using controller = await ControllerProcess.start();
    using client = await controller.client();
    const clock = new FastClock();
    const random = new SystemRandom();
    const onboarding = await makeKeyPair("fitter", clock.now());
    await client.apply(enrollmentProfileKind, {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EnrollmentProfile", metadata: { name: "boxes" } },
      spec: { onboardingCertificate: onboarding.pem, serials: ["box-*"], approve: "Automatic" },
    } as unknown as KubeObject);
    const [host = "", port = ""] = controller.deviceAddress.split(/:(?=\d+$)/);
    const { wire, tally } = tlsWire({ host, port: Number(port), root: client.ca });
    const strict = new Strictness(() => "box-1");
    const keys = await makePillarKeys("box-1", clock.now());
    const tpm = new PillarTpm(keys.attestation);
    const disk: PillarDisk = {
      ...{ uuid: undefined, certs: undefined, lastConfig: undefined, logs: [] },
      vault: { key: undefined, sealedTo: "", escrowed: false },
      counters: { reboot: undefined, shutdown: undefined },
    };
    const boot = (boots: number): { readonly agent: PillarAgent; readonly life: Life } => {
      const life = new Life(clock);
      tpm.boot("14.5.0");
      const agent = new PillarAgent({
        ...{ clock: life.clock, random, wire, strict, keys, onboarding, root: client.ca, serial: "box-1" },
        ...{ disk, tpm, version: "14.5.0", boots, reboot: () => strict.fault("it rebooted by itself") },
      });
      agent.start();
      return { agent, life };
    };
    const settled = async (agent: PillarAgent): Promise<void> => {
      const end = performance.now() + limitMs;
      const isSettled = (): boolean =>
        agent.attest.isComplete && agent.current !== undefined && agent.queue.size === 0;
      while (!isSettled()) {
        assert.deepEqual(strict.faults, []);
        assert.ok(performance.now() < end, `gave up: ${JSON.stringify([...agent.connection.answers])}`);
        await sleep(new SystemClock(), millis(50));
      }
    };

    const first = boot(1);
    await settled(first.agent);
    const before = first.agent.attest.token.toHex();
    first.life.end();
    const second = boot(2);
    await settled(second.agent);
    second.life.end();

    assert.notEqual(second.agent.attest.token.toHex(), before, "each boot has a token of its own");
    assert.equal(disk.vault.escrowed, true);
    const node = await client.get<EdgeNode>(edgeNodeKind, "box-1");
    assert.equal(node.status?.conditions?.find(({ type }) => type === "Attested")?.reason, "Quoted");
    assert.equal(node.status?.system?.version, "14.5.0");
    assert.ok(tally.connections > 20, `${tally.connections} connections`);
    // Requests that run beside each other share a session; the first of all has none.
    assert.ok(tally.resumed > tally.connections / 2, `${tally.resumed} of ${tally.connections} resumed`);
    assert.deepEqual(strict.faults, []);
  });
});
