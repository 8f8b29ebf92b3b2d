/** Nothing secret is ever said in clear: every byte and every text of a rendered configuration is looked at. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { toBinary } from "@bufbuild/protobuf";
import { instant } from "@selvedge/base";
import { type cipher, config, netCommon, openCipherBlock, sealCipherBlock } from "@selvedge/eve-api";
import type { EdgeNode, EdgeNodePort, ScepProfile, Secret } from "@selvedge/kinds";
import { one, pod } from "../../test/render-one.ts";
import { aesCfb } from "../sealer/cipher-sealer.ts";
import type { RenderInputs } from "./inputs.ts";
import { assembleNode, planNode } from "./node-config.ts";

const key = new Uint8Array(randomBytes(32));
const words = [
  "env-s3cret",
  "file-s3cret",
  "pull-s3cret",
  "wifi-s3cret",
  "modem-s3cret",
  "node-s3cret",
  "scep-s3cret",
  "token-s3cret",
];
const names = ["wifi-ann", "modem-ann"];
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const login = { auths: { "reg.example": { auth: base64("bob:pull-s3cret") } } };

const secrets: Readonly<Record<string, Secret["data"]>> = {
  "shop/login": { password: base64("env-s3cret"), file: base64("file-s3cret") },
  "shop/pull": { ".dockerconfigjson": base64(JSON.stringify(login)) },
  "net/wifi": { username: base64("wifi-ann"), password: base64("wifi-s3cret") },
  "net/scep": { password: base64("scep-s3cret") },
  "net/modem": { username: base64("modem-ann"), password: base64("modem-s3cret") },
};

const ports: readonly EdgeNodePort[] = [
  { name: "eth0" },
  {
    name: "wlan0",
    wifi: { ssid: "shop", security: "WPA-EAP", secretRef: { namespace: "net", name: "wifi" } },
  },
  {
    name: "wwan0",
    cellular: {
      ...{ apn: "internet", authentication: "CHAP", secretRef: { namespace: "net", name: "modem" } },
      probe: { address: "192.0.2.9", port: 443 },
    },
  },
];

const plant: ScepProfile = {
  ...{ name: "plant", url: "https://ca.example/scep", throughController: true },
  challengeRef: { namespace: "net", name: "scep" },
  caCertificates: ["PEM"],
  request: {
    commonName: "box",
    dnsNames: ["box.example"],
    key: "ECDSA-P384",
    hash: "SHA-384",
    renewAtPercent: 70,
  },
};

const inputs: Partial<RenderInputs> = {
  edgeNode: {
    ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name: "box" } },
    spec: { ports: [...ports], scepProfiles: [plant] },
  } as EdgeNode,
  secret: (namespace, name) => {
    const data = secrets[`${namespace}/${name}`];
    return data && ({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, data } as Secret);
  },
  canSeal: true,
  accountToken: () => ({ token: "token-s3cret", renewAt: instant(0) }),
  registry: { address: "10.0.0.1:8444", certificates: [], password: () => "node-s3cret" },
};

const web = pod({
  ...one({ env: [{ name: "P", valueFrom: { secretKeyRef: { name: "login", key: "password" } } }] }),
  imagePullSecrets: [{ name: "pull" }],
  volumes: [
    { name: "files", secret: { secretName: "login" } },
    { name: "api", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
  ],
  initContainers: [
    { name: "first", image: "reg.example/a:1" },
    { name: "second", image: "selvedge.internal/b:1" },
  ],
});

async function sealed(): Promise<{
  readonly config: config.EdgeDevConfig;
  readonly sealings: readonly string[];
}> {
  const plan = planNode({ ...base(), ...inputs } as RenderInputs);
  const blocks = new Map<string, cipher.CipherBlock>();
  for (const [name, plaintext] of plan.sealings) {
    const iv = new Uint8Array(randomBytes(16));
    blocks.set(name, await sealCipherBlock(aesCfb, { key, iv, contextId: "c", plaintext }));
  }
  const { config: made } = assembleNode(plan, blocks, [], undefined);
  return { config: made, sealings: [...plan.sealings.keys()] };
}

function base(): Partial<RenderInputs> {
  return {
    ...{ nodeId: "22222222-0000-4000-8000-000000000000", nodeName: "box", node: undefined, pods: [web] },
    ...{
      services: [],
      policies: [],
      nodeVolumes: [],
      patches: [],
      certificatesHash: "certs",
      configMap: () => undefined,
    },
    slices: () => [],
  };
}

describe("secrets of a configuration", () => {
  it("are in blocks alone, of which there is one for each place", async () => {
    const { config: made, sealings } = await sealed();
    assert.deepEqual(sealings.map((name) => name.split("/")[0]).sort(), [
      "datastore",
      "datastore",
      "pod",
      "port",
      "port",
      "scep",
    ]);
    const bytes = Buffer.from(toBinary(config.EdgeDevConfigSchema, made));
    for (const word of [...words, ...names]) {
      for (const form of [word, base64(word), Buffer.from(word).toString("hex")]) {
        assert.equal(bytes.indexOf(form), -1, `${form} can be read in the configuration`);
      }
    }
    for (const { apiKey, password, cipherData, fqdn } of made.datastores) {
      assert.deepEqual([apiKey, password], ["", ""]);
      assert.equal(cipherData !== undefined, !fqdn.includes("docker.io"), fqdn);
    }
    for (const { userData } of made.apps) assert.equal(userData, "");
  });

  it("of ports open to what the Secret says", async () => {
    const { config: made } = await sealed();
    const [cable, wifi, modem] = made.networks.map(({ wireless }) => wireless);
    assert.equal(cable, undefined);
    assert.equal(wifi?.type, netCommon.WirelessType.WiFi);
    const [found] = wifi?.wifiCfg ?? [];
    assert.ok(found);
    const { wifiSSID, keyScheme, identity, password, cipherData } = found;
    assert.deepEqual([wifiSSID, keyScheme, identity, password], ["shop", 2, "", ""]);
    assert.ok(cipherData);
    const opened = Buffer.from(await openCipherBlock(aesCfb, key, cipherData)).toString("latin1");
    assert.match(opened, /wifi-ann.*wifi-s3cret/s);
    const [point] = modem?.cellularCfg[0]?.accessPoints ?? assert.fail();
    assert.deepEqual([point?.apn, point?.authProtocol], ["internet", 2]);
    assert.ok(point?.cipherData);
    const { disable, customProbe } = modem?.cellularCfg[0]?.probe ?? assert.fail("no probe");
    const { host, port } = customProbe?.probeEndpoint ?? assert.fail("nobody is asked");
    assert.deepEqual([disable, customProbe?.probeMethod, host, port], [false, 2, "192.0.2.9", 443]);
    assert.deepEqual(
      made.deviceIoList.map(({ ptype }) => ptype),
      [1, 5, 6],
    );
  });

  it("of a port whose Secret is gone stay as they were, and it is told", async () => {
    const { config: before } = await sealed();
    const plan = planNode({ ...base(), ...inputs, secret: () => undefined, pods: [] } as RenderInputs);
    assert.deepEqual(
      plan.nodeFaults.map(({ part, message }) => `${part}: ${message}`),
      [
        "port wlan0: secret net/wifi not found",
        "port wwan0: secret net/modem not found",
        "SCEP profile plant: secret net/scep not found",
      ],
    );
    const { config: after } = assembleNode(plan, new Map(), [], before);
    assert.deepEqual(after.networks, before.networks);
    assert.ok(before.scepProfiles[0]?.scepChallengePassword);
    assert.deepEqual(after.scepProfiles, before.scepProfiles);
  });
});
