/**
 * A box that goes to a network that says nothing by itself: what the controller makes of its EdgeNode before it has
 * come, and what an engine that was given it does. Neither side is told of the other's code.
 */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { type Clock, instant, Log, millis, SystemRandom, silentSink } from "@selvedge/base";
import { MemoryPkiFiles, Pki } from "@selvedge/controller";
import type { EdgeNode, EdgeNodePort, Secret } from "@selvedge/kinds";
import {
  BootstrapConfigError,
  bootstrapConfig,
} from "../../packages/controller/src/render/bootstrap-config.ts";
import { BootstrapError, readBootstrap } from "../../packages/engine/src/control/bootstrap.ts";
import { fuzz, mutated } from "./fuzz.ts";

const now = instant(Date.UTC(2026, 10, 26));
const clock: Clock = { now: () => now, monotonic: () => millis(0), setTimer: () => ({ cancel: () => {} }) };
const open = async (): Promise<Pki> =>
  await Pki.open({
    ...{ files: new MemoryPkiFiles(), clock, random: new SystemRandom() },
    ...{ log: new Log("pki", clock, silentSink), kubeNames: ["api"], deviceNames: ["edge"] },
  });

const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");
const secrets: Readonly<Record<string, Secret>> = {
  "shop/wifi": {
    ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "wifi", namespace: "shop" } },
    data: { password: base64("open sesame") },
  },
};
const ref = (name: string) => ({ name, namespace: "shop" });
const wire: EdgeNodePort = { name: "eth0", address: "10.1.0.7/24", gateway: "10.1.0.1", dns: ["10.1.0.2"] };

let pki: Pki;
let other: Pki;
before(async () => {
  [pki, other] = [await open(), await open()];
});

function make(ports: EdgeNodePort[], settings: Record<string, string> = {}): Uint8Array {
  const edgeNode: EdgeNode = {
    ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name: "shop-7" } },
    spec: { serial: "S-7", ports, settings },
  };
  const secret = (namespace: string, name: string): Secret | undefined => secrets[`${namespace}/${name}`];
  return bootstrapConfig({ edgeNode, secret, identity: pki.identity });
}

describe("a box is given what it needs to reach its controller", () => {
  it("with a fixed address, a network by air and the node's config items", () => {
    const air: EdgeNodePort = { name: "wlan0", wifi: { ssid: "shop", secretRef: ref("wifi") }, cost: 5 };
    const bytes = make([wire, air], { "network.fallback.any.eth": "enabled" });
    const { ports = [], settings } = readBootstrap(bytes, [pki.rootCertificate]);
    assert.deepEqual(
      ports.map(({ name, interface: card, uplink, cost, fault }) => [name, card, uplink, cost, fault]),
      [
        ["eth0", "eth0", true, 0, undefined],
        ["wlan0", "wlan0", true, 5, undefined],
      ],
    );
    assert.deepEqual(ports[0]?.address, {
      ...{ kind: "static", address: "10.1.0.7/24", gateway: "10.1.0.1", dns: ["10.1.0.2"] },
      ...{ domain: "", ntp: [] },
    });
    const secret = { kind: "clear", user: "", password: "open sesame" };
    assert.deepEqual(ports[1]?.wifi, [{ ssid: "shop", security: "psk", priority: 0, secret }]);
    assert.equal(settings.get("network.fallback.any.eth"), "enabled");
    assert.equal(
      settings.get("debug.enable.console"),
      "true",
      "what EVE takes for false when it is not said",
    );
  });

  it("and believes no other controller", () => {
    assert.throws(() => readBootstrap(make([wire]), [other.rootCertificate]), BootstrapError);
  });

  const cannot: readonly (readonly [why: string, port: EdgeNodePort, message: RegExp])[] = [
    [
      "a secret that is not there",
      { name: "w", wifi: { ssid: "s", secretRef: ref("no") } },
      /shop\/no not found/,
    ],
    [
      "a modem's password, for which there is no place in clear",
      { name: "wwan0", cellular: { apn: "iot", secretRef: ref("wifi") } },
      /port wwan0: .*let it come in by another port first/,
    ],
  ];
  for (const [why, port, message] of cannot)
    it(`is not made with ${why}`, () =>
      assert.throws(
        () => make([port]),
        (error) => error instanceof BootstrapConfigError && message.test(error.message),
      ));

  let original: Uint8Array = new Uint8Array();
  before(() => {
    original = make([wire]);
  });
  fuzz("however it was changed on the way", { cases: 2_000, declared: [BootstrapError] }, (random) => {
    const read = readBootstrap(mutated([original], random), [pki.rootCertificate]);
    assert.deepEqual(read, readBootstrap(original, [pki.rootCertificate]), "something else was believed");
  });
});
