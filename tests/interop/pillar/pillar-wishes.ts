/** What a user applies for the box. */
import type { Pod, Secret } from "@selvedge/kinds";

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
