/** One Pod through render, for tables. */
import { create, fromBinary } from "@bufbuild/protobuf";
import { instant } from "@selvedge/base";
import { cipher, type config, ext, getExtension } from "@selvedge/eve-api";
import type { ConfigMap, Container, EdgeNode, Pod, PodSpec, Secret } from "@selvedge/kinds";
import type { PodFault, RenderInputs } from "../src/render/inputs.ts";
import { assembleNode, planNode } from "../src/render/node-config.ts";

const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

export function pod(spec: Partial<PodSpec>, metadata: Partial<Pod["metadata"]> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web-1", namespace: "shop", uid: "11111111-0000-4000-8000-000000000000", ...metadata },
    spec: { containers: [{ name: "web", image: "nginx:1.27" }], nodeName: "box", ...spec },
  };
}

export const one = (container: Partial<Container>): Partial<PodSpec> => ({
  containers: [{ name: "web", image: "nginx:1.27", ...container }],
});

const configMaps: Record<string, ConfigMap> = {
  "shop/settings": {
    ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace: "shop" } },
    data: { COLOR: "red", "a=b": "no name", size: "3" },
    binaryData: { blob: base64("\u0001\u0002") },
  },
};
const secrets: Record<string, Secret> = {
  "shop/login": {
    ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "login", namespace: "shop" } },
    data: { user: base64("ann"), password: base64("pw$1") },
  },
  "shop/pull": {
    ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "pull", namespace: "shop" } },
    data: {
      ".dockerconfigjson": base64(
        JSON.stringify({ auths: { "reg.example:5000": { auth: base64("bob:s3cret") } } }),
      ),
    },
  },
};

export interface Rendered {
  readonly config: config.EdgeDevConfig;
  readonly faults: readonly PodFault[];
  readonly app: config.EdgeDevConfig["apps"][number];
  readonly extension: ext.AppExtension;
  readonly secrets: ext.AppSecrets | undefined;
}

export function inputsOf(pods: readonly Pod[], more: Partial<RenderInputs> = {}): RenderInputs {
  return {
    nodeId: "22222222-0000-4000-8000-000000000000",
    nodeName: "box",
    followsLoad: false,
    edgeNode: {
      ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name: "box" } },
      spec: { labels: { zone: "north" }, settings: { "timer.config.interval": "30" } },
    } as EdgeNode,
    node: {
      ...{ apiVersion: "v1", kind: "Node", metadata: { name: "box" }, spec: {} },
      status: { allocatable: { cpu: "4", memory: "1Gi" } },
    },
    pods,
    services: [],
    policies: [],
    namespace: () => undefined,
    slices: () => [],
    configMap: (namespace, name) => configMaps[`${namespace}/${name}`],
    secret: (namespace, name) => secrets[`${namespace}/${name}`],
    canSeal: true,
    accountToken: ({ metadata }, { audience = "" }) => ({
      token: `token of ${metadata.name} ${audience}`,
      renewAt: instant(5000),
    }),
    nodeVolumes: [],
    patches: [],
    registry: { address: "10.0.0.1:8444", certificates: ["ROOT"], password: (node) => `pw of ${node}` },
    tokens: { key: (text) => text, sign: () => new Uint8Array(64), hasSigned: () => true },
    certificatesHash: "certs",
    ...more,
  };
}

export function render(pods: readonly Pod[], more: Partial<RenderInputs> = {}, sealed = true): Rendered {
  const plan = planNode(inputsOf(pods, more));
  const blocks = new Map(
    [...plan.sealings].map(([name, cipherData]) => [
      name,
      create(cipher.CipherBlockSchema, { cipherContextId: "c", cipherData }),
    ]),
  );
  const assembled = assembleNode(plan, sealed ? blocks : new Map(), [], undefined);
  const app = assembled.config.apps[0] as Rendered["app"];
  const extension = (app && getExtension(app, ext.AppExtensionSchema)) as ext.AppExtension;
  const block = extension?.secrets.length
    ? fromBinary(cipher.CipherBlockSchema, extension.secrets)
    : undefined;
  return {
    ...assembled,
    app,
    extension,
    secrets: block && fromBinary(ext.AppSecretsSchema, block.cipherData),
  };
}

export function envOf({ extension }: Rendered): Record<string, string> {
  return Object.fromEntries(
    (extension.containers[0]?.env ?? []).map(({ name, source }) => [name, `${source.case}:${source.value}`]),
  );
}
