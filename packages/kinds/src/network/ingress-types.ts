import type { KubeObject } from "@selvedge/apimachinery";

/** Which Services answer for which hosts and paths: kept for whoever routes, and routed by nobody here. */
export interface Ingress extends KubeObject {
  apiVersion: "networking.k8s.io/v1";
  kind: "Ingress";
  spec: IngressSpec;
  status?: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } };
}

export interface IngressSpec {
  ingressClassName?: string;
  defaultBackend?: IngressBackend;
  tls?: { hosts?: string[]; secretName?: string }[];
  rules?: { host?: string; http?: { paths?: IngressPath[] } }[];
}

export interface IngressPath {
  path?: string;
  pathType?: string;
  backend?: IngressBackend;
}

export interface IngressBackend {
  service?: { name?: string; port?: { name?: string; number?: number } };
  resource?: { apiGroup?: string; kind?: string; name?: string };
}
