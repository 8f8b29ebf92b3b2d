export interface KubeconfigParts {
  readonly server: string;
  /** PEM of the root that the server's certificate chains to. */
  readonly authority: string;
  readonly user: string;
  readonly certificate: string;
  readonly key: string;
}

/**
 * A kubeconfig with one cluster, one user, and everything inside: it can be copied to another machine as it
 * is.
 */
export function formatKubeconfig({ server, authority, user, certificate, key }: KubeconfigParts): string {
  const cluster = "selvedge";
  const inline = (pem: string): string => Buffer.from(`${pem}\n`).toString("base64");
  return `apiVersion: v1
kind: Config
clusters:
- name: ${cluster}
  cluster:
    server: ${JSON.stringify(server)}
    certificate-authority-data: ${inline(authority)}
users:
- name: ${user}
  user:
    client-certificate-data: ${inline(certificate)}
    client-key-data: ${inline(key)}
contexts:
- name: ${cluster}
  context:
    cluster: ${cluster}
    user: ${user}
    namespace: default
current-context: ${cluster}
`;
}
