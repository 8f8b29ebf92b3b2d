/** What a user applies for the box. */
import type { ConfigMap, EdgeNodePort, EdgeNodeSpec, PatchEnvelope, Pod, Secret } from "@selvedge/kinds";

export const serial = "PILLAR-1";
export const name = "pillar-1";
export const registry = "registry.example";
export const credentials = { user: "box", password: "open sesame" } as const;

/** EVE's shortest. */
export const settings = {
  "timer.config.interval": "5",
  "timer.metric.interval": "5",
  "newlog.allow.fastupload": "true",
};

export const pod: Pod = {
  ...{ apiVersion: "v1", kind: "Pod" },
  metadata: { name: "echo", namespace: "default" },
  spec: {
    nodeName: name,
    imagePullSecrets: [{ name: "registry" }],
    containers: [
      {
        ...{ name: "main", image: `${registry}/somebody/echo:1` },
        ports: [{ containerPort: 80, hostPort: 8080 }],
        resources: { limits: { memory: "64Mi", cpu: "1" } },
      },
    ],
  },
} as Pod;

/** One whose screen is seen. */
export const shownPod: Pod = {
  ...{ apiVersion: "v1", kind: "Pod" },
  metadata: { name: "shown", namespace: "default", annotations: { "selvedge.dev/screen": "true" } },
  spec: { nodeName: name, containers: [{ name: "main", image: `${registry}/somebody/till:1` }] },
} as Pod;

export const pullSecret = {
  ...{ apiVersion: "v1", kind: "Secret", type: "kubernetes.io/dockerconfigjson" },
  metadata: { name: "registry", namespace: "default" },
  data: {
    ".dockerconfigjson": base64(
      JSON.stringify({
        auths: { [registry]: { username: credentials.user, password: credentials.password } },
      }),
    ),
  },
} as Secret;

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

export const settingsMap: ConfigMap = {
  ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace: "default" } },
  data: { "app.conf": "color = red\n", empty: "" },
} as ConfigMap;

export const keySecret: Secret = {
  ...{ apiVersion: "v1", kind: "Secret", type: "Opaque", metadata: { name: "key", namespace: "default" } },
  data: { key: base64("s3cret") },
} as Secret;

/** One that wants all that EVE can give to a container. */
export const furnishedPod: Pod = {
  ...{ apiVersion: "v1", kind: "Pod" },
  metadata: { name: "furnished", namespace: "default", labels: { app: "furnished" } },
  spec: {
    nodeName: name,
    containers: [
      {
        ...{ name: "main", image: `${registry}/somebody/furnished:1` },
        env: [
          { name: "GREETING", value: 'a "quoted" \\ text\nof two lines ' },
          { name: "KEY", valueFrom: { secretKeyRef: { name: "key", key: "key" } } },
        ],
        volumeMounts: [{ name: "settings", mountPath: "/etc/app" }],
      },
    ],
    volumes: [{ name: "settings", configMap: { name: "settings" } }],
  },
} as Pod;

/** Files for it while it runs. */
export const patch: PatchEnvelope = {
  ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "PatchEnvelope" },
  metadata: { name: "patch", namespace: "default" },
  spec: {
    selector: { matchLabels: { app: "furnished" } },
    files: [
      { name: "app.conf", configMapKeyRef: { name: "settings", key: "app.conf" } },
      { name: "key", secretKeyRef: { name: "key", key: "key" } },
    ],
  },
};

/** Of the wireless network, and of the authority. */
export const challenge = "wireless";
const secretRef = { name: "wifi", namespace: "default" } as const;

/** Of a network that gives no addresses. */
export const fittersPorts: EdgeNodePort[] = [
  { name: "eth0", address: "10.1.0.7/24", gateway: "10.1.0.1", dns: ["10.1.0.2"] },
];

/** One of each kind. */
export const ports: EdgeNodePort[] = [
  { name: "eth0" },
  {
    ...{ name: "eth1", interface: "enp2s0", uplink: false },
    ...{ address: "192.0.2.7/24", gateway: "192.0.2.1", dns: ["192.0.2.2"] },
    authentication: { scepProfile: "ca", identity: "box" },
  },
  { name: "wlan0", cost: 10, wifi: { ssid: "shop", secretRef } },
  { name: "both", cost: 5, bond: { cards: ["enp3s0", "enp4s0"] } },
  { name: "tills", uplink: false, vlan: { parent: "eth0", id: 10 } },
];

/** One whom the box asks through the controller. */
export function scepProfiles(url: string, certificate: string): NonNullable<EdgeNodeSpec["scepProfiles"]> {
  return [
    {
      ...{ name: "ca", url, throughController: true, challengeRef: secretRef, caCertificates: [certificate] },
      request: { commonName: "box" },
    },
  ];
}
