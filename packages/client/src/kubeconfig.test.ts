import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { accessOf, credentialsOf } from "./kubeconfig.ts";

const base64 = (text: string): string => new TextEncoder().encode(text).toBase64();

function config(user: Record<string, string>, current = "mine"): unknown {
  const cluster = { server: "https://one:6443", "certificate-authority-data": base64("CA") };
  return {
    "current-context": current,
    clusters: [
      { name: "other", cluster: {} },
      { name: "one", cluster },
    ],
    contexts: [{ name: "mine", context: { cluster: "one", user: "me" } }],
    users: [{ name: "me", user }],
  };
}

describe("accessOf", () => {
  const me = { "client-certificate-data": base64("CERT"), "client-key-data": base64("KEY") };

  it("says what the current context says", () => {
    const access = { server: "https://one:6443", ca: "CA", cert: "CERT", key: "KEY" };
    assert.deepEqual(accessOf(config(me), "file"), access);
  });

  for (const [why, kubeconfig, message] of [
    ["a token in place of a key", config({ token: "x" }), /^file: the current context has no client-cert/],
    ["no such context", config(me, "none"), /^file: the current context has no server/],
    [
      "a certificate as it is",
      config({ ...me, "client-key-data": "---" }),
      /^file: client-key-data is no base64/,
    ],
    ["an empty file", null, /^file: the current context has no server/],
  ] as const) {
    it(`refuses ${why}`, () => {
      assert.throws(
        () => accessOf(kubeconfig, "file"),
        ({ message: said }: Error) => message.test(said),
      );
    });
  }
});

describe("credentialsOf", () => {
  it("takes a token where there is no certificate", () => {
    const user = config({ token: "sesame" });
    assert.deepEqual(credentialsOf(user, "file"), { server: "https://one:6443", ca: "CA", token: "sesame" });
  });

  it("takes the certificate where there are both, and says what is missing of it", () => {
    const both = config({ token: "sesame", "client-certificate-data": base64("CERT") });
    assert.throws(() => credentialsOf(both, "file"), /no client-key-data/);
  });
});
