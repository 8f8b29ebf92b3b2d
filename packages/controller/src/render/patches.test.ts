import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { patchEnvelope } from "@selvedge/eve-api";
import type { PatchEnvelope, PatchFile } from "@selvedge/kinds";
import { inputsOf, pod, render } from "../../test/render-one.ts";
import { assembleNode, planNode } from "./node-config.ts";
import { fileBytesMax, patchFiles } from "./patches.ts";

const uid = "44444444-0000-4000-8000-000000000000";

function envelope(files: PatchFile[], more: Partial<PatchEnvelope["spec"]> = {}): PatchEnvelope {
  return {
    ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "PatchEnvelope" },
    metadata: { name: "model", namespace: "shop", uid, creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: { selector: { matchLabels: { app: "web" } }, files, ...more },
  };
}

const clear: PatchFile = { name: "blob.bin", configMapKeyRef: { name: "settings", key: "blob" } };
const secret: PatchFile = {
  ...{ name: "pw", metadata: "for the till" },
  secretKeyRef: { name: "login", key: "user" },
};
const large: PatchFile = { name: "model.onnx", image: "reg.example:5000/models/till:3" };
const web = pod({}, { labels: { app: "web" } });

describe("patch envelopes in a configuration", () => {
  it("are files of ConfigMaps in clear, of Secrets sealed, of images on volumes", () => {
    const pulls = { imagePullSecrets: [{ name: "pull" }] };
    const { config } = render([web], { patches: [envelope([clear, secret, large], pulls)] });
    const [made] = config.patchEnvelopes;
    assert.deepEqual(
      [made?.uuid, made?.displayName, made?.action, made?.appInstIdsAllowed],
      [uid, "shop/model", 1, [web.metadata.uid]],
    );
    assert.match(made?.version ?? "", /^[0-9a-f]{12}$/);
    const [inline, sealed, volume] = made?.artifacts ?? [];
    assert.deepEqual(
      [inline?.format, inline?.binaryBlob.case, sealed?.format, sealed?.binaryBlob.case, volume?.format],
      [1, "inline", 3, "encryptedInline", 2],
    );
    assert.equal(sealed?.artifactMetaData, "for the till");
    assert.ok(inline?.binaryBlob.case === "inline");
    const { base64Data, fileNameToUse } = inline.binaryBlob.value;
    assert.deepEqual([base64Data, fileNameToUse], ["AQI=", "blob.bin"]);
    // What the test's sealer calls sealed is the plaintext: the message itself, at least 16 bytes.
    assert.ok(sealed?.binaryBlob.case === "encryptedInline");
    const plaintext = sealed.binaryBlob.value.cipherData?.cipherData ?? new Uint8Array();
    const opened = fromBinary(patchEnvelope.InlineOpaqueBase64DataSchema, plaintext);
    assert.deepEqual(
      [opened.fileNameToUse, opened.base64Data],
      ["pw", Buffer.from("ann").toString("base64")],
    );
    assert.ok(plaintext.length >= 16);
    assert.ok(volume?.binaryBlob.case === "volumeRef");
    const { imageId } = volume.binaryBlob.value;
    const disk = config.volumes.find(({ uuid }) => uuid === imageId);
    const content = config.contentInfo.find(({ uuid }) => uuid === disk?.origin?.downloadContentTreeID);
    assert.deepEqual([content?.iformat, content?.URL], [1, "models/till:3"]);
    const store = config.datastores.find(({ id }) => id === content?.dsIdsList[0]);
    assert.equal(store?.fqdn, "docker://reg.example:5000");
    assert.ok(store?.cipherData, "with the credentials of the envelope's pull secret");
  });

  it("are for the Pods they select, and are not sent where there are none", () => {
    const patches = [envelope([clear])];
    const other = pod({}, { labels: { app: "db" }, uid: "33333333-0000-4000-8000-000000000000" });
    assert.equal(render([other], { patches }).config.patchEnvelopes.length, 0);
    assert.deepEqual(render([web, other], { patches }).config.patchEnvelopes[0]?.appInstIdsAllowed, [
      web.metadata.uid,
    ]);
    const going = pod({}, { labels: { app: "web" }, deletionTimestamp: "2026-01-01T00:00:00Z" });
    assert.equal(render([going], { patches }).config.patchEnvelopes.length, 0);
    const all = render([web, other], { patches: [envelope([clear], { selector: {} })] });
    assert.equal(all.config.patchEnvelopes[0]?.appInstIdsAllowed.length, 2);
  });

  it("are kept from apps that may not have them yet", () => {
    const { config } = render([web], { patches: [envelope([clear], { active: false, version: "7" })] });
    assert.deepEqual([config.patchEnvelopes[0]?.action, config.patchEnvelopes[0]?.version], [0, "7"]);
  });

  for (const [what, file, fault] of [
    [
      "a ConfigMap that is not there",
      { name: "a", configMapKeyRef: { name: "none", key: "a" } },
      'configmap "none" not found',
    ],
    [
      "a key that is not there",
      { name: "a", secretKeyRef: { name: "login", key: "none" } },
      'secret "login" has no key "none"',
    ],
    [
      "too much for a configuration",
      { name: "a", configMapKeyRef: { name: "large", key: "a" } },
      `configmap "large": a has ${fileBytesMax + 1} bytes, a file in a configuration ${fileBytesMax} at most; ` +
        "put it into an image",
    ],
  ] as const) {
    it(`are whole or as before: ${what}`, () => {
      const configMap: Parameters<typeof patchFiles>[1]["configMap"] = (namespace, name) =>
        name === "large"
          ? {
              ...({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace } } as const),
              data: { a: "x".repeat(fileBytesMax + 1) },
            }
          : undefined;
      const bad = envelope([{ name: "e", image: "x/e:1" }, file]);
      const secretOf = (): ReturnType<Parameters<typeof patchFiles>[1]["secret"]> =>
        ({ metadata: { name: "login" }, data: {} }) as never;
      assert.deepEqual(patchFiles(bad, { configMap, secret: secretOf }).faults, [`spec.files[1]: ${fault}`]);
      const before = render([web], { patches: [envelope([large])] });
      assert.equal(
        render([web], { patches: [bad], configMap, secret: secretOf }).config.patchEnvelopes.length,
        0,
      );
      const plan = planNode(inputsOf([web], { patches: [bad], configMap, secret: secretOf }));
      const { config: kept } = assembleNode(plan, new Map(), [], before.config);
      assert.deepEqual(
        kept.patchEnvelopes.map(({ version }) => version),
        before.config.patchEnvelopes.map(({ version }) => version),
      );
      assert.deepEqual(kept.volumes.map(({ displayName }) => displayName).sort(), ["model.onnx", "web"]);
    });
  }
});
