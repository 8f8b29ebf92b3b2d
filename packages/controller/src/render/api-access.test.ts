import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Node, Pod } from "@selvedge/kinds";
import { one, pod, render } from "../../test/render-one.ts";

const place = "/var/run/secrets/kubernetes.io/serviceaccount";
const withToken = (asked: object = {}): Pod =>
  pod({
    ...one({ volumeMounts: [{ name: "api", mountPath: place, readOnly: true }] }),
    volumes: [
      {
        name: "api",
        projected: {
          sources: [
            { serviceAccountToken: { path: "token", expirationSeconds: 3607, ...asked } },
            { configMap: { name: "settings", items: [{ key: "COLOR", path: "ca.crt" }] } },
            {
              downwardAPI: { items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }] },
            },
          ],
        },
      },
    ],
  });
const eve = {
  ...{ apiVersion: "v1", kind: "Node", metadata: { name: "box" }, spec: {} },
  status: { nodeInfo: { containerRuntimeVersion: "eve://12" }, allocatable: { cpu: "4", memory: "1Gi" } },
} as unknown as Node;

describe("a Pod's way to the API", () => {
  it("is a token among its sealed files, and the node's leave", () => {
    const { extension, secrets, faults } = render([withToken()]);
    assert.deepEqual(faults, []);
    assert.equal(extension.apiAccess, true);
    assert.deepEqual(extension.volumes[0]?.source, {
      ...{ case: "secretFiles", value: { $typeName: "selvedge.ext.v1.SecretFileSet", key: "volume/api" } },
    });
    const files = secrets?.files["volume/api"]?.files ?? [];
    assert.deepEqual(
      files.map(({ path, content, mode }) => [path, Buffer.from(content).toString(), mode]),
      [
        ["token", "token of web-1 ", 0o644],
        ["ca.crt", "red", 0o644],
        ["namespace", "shop", 0o644],
      ],
    );
  });

  it("waits for a box that cannot open secrets yet, and its Pod does not", () => {
    const { extension, faults } = render([withToken()], { canSeal: false }, false);
    assert.deepEqual([faults, extension.apiAccess], [[], true]);
    const { source } = extension.volumes[0] ?? {};
    assert.deepEqual(source?.case === "files" && source.value.files.map(({ path }) => path), [
      "ca.crt",
      "namespace",
    ]);
  });

  it("is not given with a token for somebody else", () => {
    const { extension, secrets } = render([withToken({ audience: "vault" })]);
    assert.equal(extension.apiAccess, false);
    const [token] = secrets?.files["volume/api"]?.files ?? [];
    assert.equal(Buffer.from(token?.content ?? []).toString(), "token of web-1 vault");
  });

  it("is none without a token", () => assert.equal(render([pod({})]).extension.apiAccess, false));

  it("is none on a box of EVE, whose apps would start anew with each token", () => {
    const more = { node: eve, accountToken: () => assert.fail("a token is made") };
    const { extension, faults, app } = render([withToken()], more, false);
    assert.deepEqual([extension.apiAccess, faults, app.cipherData], [false, [], undefined]);
  });
});
