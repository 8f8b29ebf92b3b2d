/** Tokens in the files of apps that run: another in place of each before it ends, without the app's knowing. */
import assert from "node:assert/strict";
import type { KubeObject } from "@selvedge/apimachinery";
import { hours, minutes } from "@selvedge/base";
import { daemonSet, type World } from "../../packages/harness/src/index.ts";
import { worldsOf } from "./seeds.ts";

const { describe, inWorlds } = worldsOf(import.meta.filename);

/** An app with a token for somebody, good for ten minutes. */
function withToken(name: string): KubeObject {
  const set = daemonSet(name) as KubeObject & { spec: { template: { spec: Record<string, unknown> } } };
  const { spec } = set.spec.template;
  const serviceAccountToken = { audience: "vault", path: "token", expirationSeconds: 600 };
  spec["volumes"] = [{ name: "vault", projected: { sources: [{ serviceAccountToken }] } }];
  const [container] = spec["containers"] as Record<string, unknown>[];
  if (container !== undefined) container["volumeMounts"] = [{ name: "vault", mountPath: "/vault" }];
  return set;
}

interface Claims {
  readonly aud: readonly string[];
  readonly iat: number;
  readonly exp: number;
}

/** What the app reads now. */
function tokenOf(world: World): { readonly text: string; readonly claims: Claims } {
  const [machine] = world.node().hypervisor.machines();
  const text = Buffer.from(machine?.files.get("vault/token") ?? []).toString();
  const claims = JSON.parse(Buffer.from(text.split(".")[1] ?? "", "base64url").toString()) as Claims;
  return { text, claims };
}

const isGood = (world: World): boolean => tokenOf(world).claims.exp * 1000 > world.clock.now();

describe("a token in an app's files", () => {
  inWorlds(
    "is never one that is over, while the app goes on",
    async (world) => {
      await world.apply(withToken("web"));
      await world.settle();
      const { hypervisor } = world.node();
      const launches = hypervisor.launches.length;
      const seen = new Set<string>();
      for (let minute = 0; minute < 26; minute++) {
        const { text, claims } = tokenOf(world);
        assert.deepEqual(claims.aud, ["vault"]);
        assert.equal(claims.exp - claims.iat, 600);
        assert.ok(isGood(world), `minute ${minute}: the token is over`);
        seen.add(text);
        await world.live(minutes(1));
      }
      // One each eight minutes.
      assert.ok(seen.size >= 3 && seen.size <= 5, `${seen.size} tokens`);
      assert.equal(hypervisor.launches.length, launches, "its machine goes on");
      const [container] = hypervisor.machines()[0]?.containers.values() ?? [];
      assert.equal(container?.start.attempt, 1, "and so does it");
    },
    { seeds: 1 },
  );

  inWorlds(
    "comes with the first word after an hour away",
    async (world) => {
      await world.apply(withToken("web"));
      await world.settle();
      const { launches } = world.node().hypervisor;
      const before = launches.length;
      world.cut();
      await world.live(hours(1));
      assert.ok(!isGood(world), "nobody could bring another");
      world.heal();
      await world.until("a token that is good", async () => isGood(world), minutes(10));
      assert.equal(launches.length, before);
    },
    { seeds: 1 },
  );
});
