/** Where an API server is and who we are to it, as PEM. */
export interface ClusterAccess {
  readonly server: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The same, for who may also be known by a bearer token. */
export type ClusterCredentials =
  | (ClusterAccess & { readonly token?: undefined })
  | {
      readonly server: string;
      readonly ca: string;
      readonly cert?: undefined;
      readonly key?: undefined;
      readonly token: string;
    };

type Named<K extends string> = { readonly name: string } & { readonly [key in K]?: Record<string, string> };

interface Kubeconfig {
  readonly "current-context"?: string;
  readonly clusters?: readonly Named<"cluster">[];
  readonly contexts?: readonly Named<"context">[];
  readonly users?: readonly Named<"user">[];
}

/**
 * What a kubeconfig's current context says, where its certificates are inline, as the controller writes it.
 * It is given parsed; `file` is its name in what is said of it.
 */
export function accessOf(kubeconfig: unknown, file: string): ClusterAccess {
  const { server, ca, user, pem } = read(kubeconfig, file);
  return { server, ca, cert: pem(user, "client-certificate-data"), key: pem(user, "client-key-data") };
}

/** The same; a user who has a token and no certificate is known by that. */
export function credentialsOf(kubeconfig: unknown, file: string): ClusterCredentials {
  const { server, ca, user } = read(kubeconfig, file);
  const token = user?.["token"];
  if (!token || user?.["client-certificate-data"] !== undefined) return accessOf(kubeconfig, file);
  return { server, ca, token };
}

type Holder = Record<string, string> | undefined;

function read(
  kubeconfig: unknown,
  file: string,
): { server: string; ca: string; user: Holder; pem: (holder: Holder, field: string) => string } {
  const { clusters, contexts, users, ...config } = (kubeconfig ?? {}) as Kubeconfig;
  const context = contexts?.find(({ name }) => name === config["current-context"])?.context;
  const cluster = clusters?.find(({ name }) => name === context?.["cluster"])?.cluster;
  const user = users?.find(({ name }) => name === context?.["user"])?.user;
  const said = (holder: Holder, field: string): string => {
    const value = holder?.[field];
    if (typeof value === "string") return value;
    throw new Error(
      `${file}: the current context has no ${field}: take the kubeconfig that the controller wrote`,
    );
  };
  const pem = (holder: Holder, field: string): string => {
    try {
      return new TextDecoder().decode(Uint8Array.fromBase64(said(holder, field)));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new Error(`${file}: ${field} is no base64: take the kubeconfig that the controller wrote`, {
        cause: error,
      });
    }
  };
  return { server: said(cluster, "server"), ca: pem(cluster, "certificate-authority-data"), user, pem };
}
