import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { cipher } from "@selvedge/eve-api";
import type { Container, Node, PodSpec } from "@selvedge/kinds";
import { inputsOf, one, pod, type Rendered, render } from "../../test/render-one.ts";
import { planApp } from "./pod-app.ts";

const node = (containerRuntimeVersion: string): Node =>
  ({
    metadata: { name: "box" },
    spec: {},
    status: { nodeInfo: { containerRuntimeVersion } },
  }) as unknown as Node;
const eve = { node: node("eve://unknown") };

function on(spec: Partial<PodSpec>, more: Parameters<typeof render>[1] = eve): Rendered {
  return render([pod(spec)], more);
}

interface CloudConfig {
  readonly runcmd: string[];
  readonly write_files: { path: string; permissions: string; encoding: string; content: string }[];
}

/** What the test's sealer calls sealed is the plaintext. */
function opened({ app }: Rendered): CloudConfig {
  const block = fromBinary(cipher.EncryptionBlockSchema, app.cipherData?.cipherData ?? new Uint8Array());
  const text = Buffer.from(block.protectedUserData, "base64").toString("utf8");
  assert.match(text, /^#cloud-config\n/);
  return JSON.parse(text.slice("#cloud-config\n".length)) as CloudConfig;
}

const env = (list: Container["env"]): Partial<PodSpec> => one({ env: list ?? [] });

describe("user data of a Pod on a box of EVE", () => {
  it("is its variables, from wherever they are, and never in clear", () => {
    const made = on(
      env([
        { name: "COLOR", valueFrom: { configMapKeyRef: { name: "settings", key: "COLOR" } } },
        { name: "PASSWORD", valueFrom: { secretKeyRef: { name: "login", key: "password" } } },
        { name: "URL", value: "http://x/$(COLOR)?p=$(PASSWORD)&cost=$$5" },
      ]),
    );
    assert.deepEqual(opened(made).runcmd, ["COLOR=red", "PASSWORD=pw$1", "URL=http://x/red?p=pw$1&cost=$5"]);
    assert.equal(made.app.userData, "");
  });

  for (const [what, value, line] of [
    ["blanks and quotes at its ends", ' "a" ', "V=\\u0020\\u0022a\\u0022\\u0020"],
    ["lines", "a\nb\tc", "V=a\\u000ab\\u0009c"],
    ["a backslash", "a\\n", "V=a\\u005cn"],
    ["signs of others", "a='b' #c ü", "V=a='b' #c ü"],
    ["nothing", "", "V="],
  ] as const) {
    it(`writes a value with ${what} so that EVE reads it back`, () => {
      assert.deepEqual(opened(on(env([{ name: "V", value }]))).runcmd, [line]);
    });
  }

  it("is without what the box could not take, or we do not know", () => {
    const made = on(
      env([
        { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
        { name: "AT", value: "$(IP):80" },
        { name: "a-b", value: "odd name" },
        { name: "OK", value: "1" },
      ]),
    );
    assert.deepEqual(opened(made).runcmd, ["OK=1"]);
    const { faults } = on(env([{ name: "LONG", value: "x".repeat(60_001) }]));
    assert.match(faults[0]?.message ?? "", /^variable LONG has 60006 characters, a box of EVE takes 60000/);
  });

  it("is the files that are mounted, with their modes", () => {
    const { write_files: files } = opened(
      on({
        ...one({
          volumeMounts: [
            { name: "settings", mountPath: "/etc/app" },
            { name: "login", mountPath: "/run/pw", subPath: "password" },
            { name: "scratch", mountPath: "/tmp" },
          ],
        }),
        volumes: [
          { name: "settings", configMap: { name: "settings", items: [{ key: "COLOR", path: "color" }] } },
          { name: "login", secret: { secretName: "login", defaultMode: 0o400 } },
          { name: "scratch", emptyDir: {} },
        ],
      }),
    );
    assert.deepEqual(
      files.map(({ path, permissions, encoding, content }) => [
        ...[path, permissions, encoding, Buffer.from(content, "base64").toString()],
      ]),
      [
        ["/etc/app/color", "0644", "b64", "red"],
        ["/run/pw", "0400", "b64", "pw$1"],
      ],
    );
  });

  it("has an empty file packed, as EVE refuses one without content", () => {
    const configMap = (): ReturnType<
      NonNullable<NonNullable<Parameters<typeof render>[1]>["configMap"]>
    > => ({
      ...({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m" } } as const),
      data: { empty: "" },
    });
    const spec = {
      ...one({ volumeMounts: [{ name: "m", mountPath: "/" }] }),
      volumes: [{ name: "m", configMap: { name: "m" } }],
    };
    const [file] = opened(on(spec, { ...eve, configMap })).write_files;
    assert.deepEqual([file?.path, file?.encoding], ["/empty", "gz+b64"]);
    assert.equal(gunzipSync(Buffer.from(file?.content ?? "", "base64")).length, 0);
  });

  it("is none where nothing is wanted, nor on nodes that have it otherwise", () => {
    assert.equal(on({}).app.cipherData, undefined);
    const ours = { node: node("selvedge://1.0.0") };
    assert.equal(on(env([{ name: "A", value: "1" }]), ours).app.cipherData, undefined);
  });

  it("is waited for until it can be sealed", () => {
    const { config, faults } = render([pod(env([{ name: "A", value: "1" }]))], eve, false);
    assert.deepEqual([config.apps.length, faults[0]?.reason], [0, "SecretsNotSealed"]);
  });
});

describe("a Pod of several containers", () => {
  const image = { image: "nginx:1.27" };
  const containers = [
    { name: "web", ...image },
    { name: "log", ...image },
  ];
  const rows: readonly (readonly [string, Partial<PodSpec>])[] = [
    ["beside each other", { containers }],
    ["one before the other", { initContainers: [{ name: "first", ...image }] }],
  ];
  for (const [how, spec] of rows) {
    it(`is not for a box of EVE: ${how}`, () => {
      const { config, faults } = on(spec);
      assert.equal(config.apps.length, 0);
      const [fault] = faults;
      assert.match(`${fault?.reason}: ${fault?.message}`, /^NotSupported: node box runs EVE.* this has 2,/);
      assert.deepEqual(on(spec, {}).faults, []);
    });
  }
});

describe("a Pod with a command", () => {
  it("is told that a box of EVE runs its image's own", () => {
    const unsaid = (spec: Partial<PodSpec>, more: Parameters<typeof inputsOf>[1]): string | undefined =>
      planApp(pod(spec), [], inputsOf([], more)).unsaid;
    for (const more of [{ command: ["sh"] }, { args: ["-v"] }])
      assert.match(unsaid(one(more), eve) ?? "", /^container web runs what its image says/);
    assert.deepEqual([unsaid(one({}), eve), unsaid(one({ command: ["sh"] }), {})], [undefined, undefined]);
  });
});

describe("a Pod that is over", () => {
  it("is not started again by a box of EVE", () => {
    const over = { ...pod({ restartPolicy: "Never" }), status: { phase: "Succeeded" as const } };
    assert.equal(render([over], eve).app.activate, false);
    assert.equal(render([over], {}).app.activate, true, "our engine knows it by itself");
    assert.equal(render([pod({ restartPolicy: "Never" })], eve).app.activate, true);
  });
});
