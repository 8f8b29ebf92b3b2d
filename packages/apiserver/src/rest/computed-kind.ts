import type { IncomingMessage, ServerResponse } from "node:http";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import type { User } from "../auth/user.ts";

/**
 * A kind whose objects are made when somebody asks: they are not stored, cannot be written and can be watched only
 * where somebody tells of changes. `metrics.k8s.io` is one.
 */
export interface ComputedKind {
  readonly kind: KindDefinition;
  /** Undefined: there is none, or none yet. */
  get(name: string, namespace: string | undefined): KubeObject | undefined;
  /** Of one namespace, or of all. */
  list(namespace: string | undefined): readonly KubeObject[];
  /** Calls when what `list` says may be other than before. Returns how to stop. */
  readonly onChange?: (listener: () => void) => () => void;
  /** What to tell who tries to write one. */
  readonly whyNotWritten?: string;
  /** Has another program answer, which can make them: true when it has. Whoever asks may. */
  elsewhere?(request: IncomingMessage, response: ServerResponse, user: User): Promise<boolean>;
}
