import type { KubectlSession } from "../kubectl-session.ts";

/** Where the commands of a group work. */
export interface Place {
  readonly kubectl: KubectlSession;
  /** A namespace of its own, in which `hello` is a Deployment with one Pod that runs. */
  readonly namespace: string;
  /** Writes a manifest, or any other file; its path. */
  readonly file: (name: string, content: unknown) => Promise<string>;
  /** Above 27 for 1.27. */
  readonly minor: number;
  /** For what changes the node that all share. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Commands that belong together, as the table of the matrix names them. */
export type Group = (place: Place) => Promise<void>;

/** A Deployment of the example app, as a manifest. */
export function deployment(
  name: string,
  more: Readonly<Record<string, unknown>> = {},
  labels: Readonly<Record<string, string>> = { app: name },
): unknown {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "web", image: "selvedge.internal/hello:1" }] },
      },
      ...more,
    },
  };
}

export function configMap(name: string, data: Readonly<Record<string, string>>): unknown {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data };
}
