import type { ObjectFieldSelector, ResourceFieldSelector } from "./container-types.ts";

/** Exactly one source. Sources Selvedge refuses are not typed: validation names them. */
export interface Volume {
  name: string;
  emptyDir?: EmptyDirSource;
  configMap?: ConfigMapSource;
  secret?: SecretSource;
  downwardAPI?: DownwardApiSource;
  projected?: ProjectedSource;
  persistentVolumeClaim?: ClaimSource;
  [other: string]: unknown;
}

export interface EmptyDirSource {
  medium?: "" | "Memory";
  sizeLimit?: string;
}

export interface ClaimSource {
  claimName: string;
  readOnly?: boolean;
}

/** One key of a ConfigMap or Secret as one file. */
export interface KeyToPath {
  key: string;
  path: string;
  mode?: number;
}

export interface ConfigMapSource {
  name?: string;
  items?: KeyToPath[];
  defaultMode?: number;
  optional?: boolean;
}

export interface SecretSource {
  secretName?: string;
  items?: KeyToPath[];
  defaultMode?: number;
  optional?: boolean;
}

export interface DownwardApiSource {
  items?: DownwardApiFile[];
  defaultMode?: number;
}

export interface DownwardApiFile {
  path: string;
  fieldRef?: ObjectFieldSelector;
  resourceFieldRef?: ResourceFieldSelector;
  mode?: number;
}

export interface ProjectedSource {
  sources?: ProjectedPart[];
  defaultMode?: number;
}

/** Exactly one of them. clusterTrustBundle and podCertificate are not done. */
export interface ProjectedPart {
  configMap?: { name?: string; items?: KeyToPath[]; optional?: boolean };
  secret?: { name?: string; items?: KeyToPath[]; optional?: boolean };
  downwardAPI?: { items?: DownwardApiFile[] };
  serviceAccountToken?: { path: string; audience?: string; expirationSeconds?: number };
  [other: string]: unknown;
}
