import { LruMap } from "@selvedge/base";
import { type Caches, nodeNameOf } from "../objects/caches.ts";
import type { NodeId } from "../ports.ts";

/** Apps that are gone and whose last words may still come: more than one controller serves. */
const rememberedMax = 200_000;

/**
 * Which node may speak of an app: the one that its Pod is bound to, and after the Pod is deleted the one that
 * spoke of it before. An enrolled box must not write into the log of another's app, nor make its figures.
 */
export class AppOwners {
  readonly #caches: Caches;
  readonly #known = new LruMap<string, NodeId>(rememberedMax);

  constructor(caches: Caches) {
    this.#caches = caches;
  }

  owns(node: NodeId, app: string): boolean {
    const [pod] = this.#caches.pods.by("uid", app);
    if (pod === undefined) return this.#known.get(app) === node;
    const [edgeNode] = this.#caches.edgeNodes.by("id", node);
    if (edgeNode === undefined || pod.spec.nodeName !== nodeNameOf(edgeNode)) return false;
    if (this.#known.get(app) !== node) this.#known.set(app, node);
    return true;
  }
}
