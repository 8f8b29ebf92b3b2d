import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { cipher, storage } from "@selvedge/eve-api";
import type { EdgeNode, Secret } from "@selvedge/kinds";
import { inputsOf, render } from "../../test/render-one.ts";
import { assembleNode, planNode } from "./node-config.ts";

const url = "https://console.plant.example:8443/";
const credentialsRef = { namespace: "fleet", name: "upload" };
const bundles = { url: "https://files.plant.example:9000/a%20b/bundles/", caCertificates: ["ROOT"] };

const box = (operatorConsole: EdgeNode["spec"]["operatorConsole"]): EdgeNode => ({
  ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name: "box" } },
  spec: operatorConsole === undefined ? {} : { operatorConsole },
});

const upload = (data: Record<string, string>): Secret => ({
  ...{ apiVersion: "v1", kind: "Secret", metadata: { namespace: "fleet", name: "upload" } },
  data: Object.fromEntries(
    Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]),
  ),
});

describe("who stands in for the controller", () => {
  it("is nobody where nobody was named", () => {
    assert.equal(render([], { edgeNode: box(undefined) }).config.locConfig, undefined);
  });

  it("is the console, as boxes put paths behind it", () => {
    const { config: made } = render([], { edgeNode: box({ url }) });
    assert.equal(made.locConfig?.locUrl, "https://console.plant.example:8443");
    assert.deepEqual([made.locConfig?.datastoreCollectInfoId, made.datastores], [[], []]);
  });

  it("has bundles put where its owner says, with the password in a block alone", () => {
    const secret = (): Secret => upload({ token: "abc123==" });
    const edgeNode = box({ url, bundles: { ...bundles, credentialsRef } });
    const { config: made } = render([], { edgeNode, secret });
    const [store] = made.datastores;
    assert.deepEqual(made.locConfig?.datastoreCollectInfoId, [store?.id]);
    assert.deepEqual(
      [store?.dType, store?.fqdn, store?.dpath, store?.apiKey, store?.password],
      [storage.DsType.DsHttps, "https://files.plant.example:9000", "a b/bundles", "", ""],
    );
    assert.deepEqual(
      store?.dsCertPEM.map((pem) => Buffer.from(pem).toString()),
      ["ROOT"],
    );
    const block = fromBinary(cipher.EncryptionBlockSchema, store?.cipherData?.cipherData ?? new Uint8Array());
    assert.deepEqual([block.dsAPIKey, block.dsPassword], ["Bearer", "abc123=="]);
    const basic = render([], { edgeNode, secret: () => upload({ token: "YTpi", scheme: "Basic" }) });
    const said = basic.config.datastores[0]?.cipherData?.cipherData ?? new Uint8Array();
    assert.equal(fromBinary(cipher.EncryptionBlockSchema, said).dsAPIKey, "Basic");
  });

  it("stands in also while bundles go nowhere yet, and as before when their password is gone", () => {
    const edgeNode = box({ url, bundles: { ...bundles, credentialsRef } });
    const secret = (): Secret => upload({ token: "abc" });
    const early = render([], { edgeNode, secret }, false).config;
    assert.deepEqual([early.locConfig?.locUrl.length, early.locConfig?.datastoreCollectInfoId], [34, []]);
    const before = render([], { edgeNode, secret }).config;
    const plan = planNode(inputsOf([], { edgeNode, secret: () => undefined }));
    assert.deepEqual(
      plan.nodeFaults.map(({ part, message }) => `${part}: ${message}`),
      ["bundles: secret fleet/upload not found"],
    );
    const now = assembleNode(plan, new Map(), [], before).config;
    assert.deepEqual(now.datastores, before.datastores);
    assert.deepEqual(now.locConfig, before.locConfig);
  });

  const rows: readonly (readonly [string, Record<string, string>, string])[] = [
    ["no token", { password: "x" }, "has no token"],
    ["a token of two words", { token: "a b" }, "has a token that no header takes"],
    ["a scheme of two words", { token: "a", scheme: "My own" }, "has a scheme that is no word"],
  ];
  for (const [what, data, message] of rows) {
    it(`has a Secret with ${what} told`, () => {
      const edgeNode = box({ url, bundles: { ...bundles, credentialsRef } });
      const { nodeFaults } = planNode(inputsOf([], { edgeNode, secret: () => upload(data) }));
      assert.match(nodeFaults[0]?.message ?? "", new RegExp(`^secret fleet/upload ${message}`));
    });
  }
});
