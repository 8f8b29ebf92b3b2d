/** The policies that some binding binds, as they are now, and in which order they are asked. */
import type { KubeObject } from "@selvedge/apimachinery";
import type { Clock, Log } from "@selvedge/base";
import type { Subject } from "../../admission.ts";
import { KeptKind } from "../../auth/kept-kind.ts";
import type { KindName } from "../../rest/kind-names.ts";
import type { ObjectRegistry } from "../../rest/object-registry.ts";
import { type Binding, bindingIn, type Policy, policyIn } from "./compiled-policy.ts";

export interface BoundPolicy {
  readonly policy: Policy;
  readonly bindings: readonly Binding[];
}

export interface PolicyListOptions {
  readonly objects: ObjectRegistry;
  readonly kinds: { readonly policy: KindName; readonly binding: KindName };
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: () => void;
  /** Hears of each policy as it is written. */
  readonly onPolicy: (policy: KubeObject) => void;
}

export class PolicyList implements Disposable {
  readonly #kept: readonly KeptKind[];
  readonly #policies = new Map<string, Policy>();
  readonly #bindings = new Map<string, Binding>();
  #all: readonly BoundPolicy[] | undefined;

  constructor({ kinds, onChange, onPolicy, ...options }: PolicyListOptions) {
    const keep = (kind: KindName, put: (name: string, object: KubeObject | undefined) => void): KeptKind =>
      new KeptKind({
        ...{ ...options, kind, awaited: true },
        onChange: (name, object) => {
          put(name, object);
          this.#all = undefined;
          onChange();
        },
      });
    this.#kept = [
      keep(kinds.policy, (name, object) => {
        if (object === undefined) this.#policies.delete(name);
        else this.#policies.set(name, policyIn(object));
        if (object !== undefined) onPolicy(object);
      }),
      keep(kinds.binding, (name, object) => {
        if (object === undefined) this.#bindings.delete(name);
        else this.#bindings.set(name, bindingIn(object));
      }),
    ];
  }

  get synced(): Promise<unknown> {
    return Promise.all(this.#kept.map(({ synced }) => synced));
  }

  [Symbol.dispose](): void {
    for (const kept of this.#kept) kept[Symbol.dispose]();
  }

  /** By name; a binding of a policy that is not there binds nothing. */
  get all(): readonly BoundPolicy[] {
    this.#all ??= this.#made();
    return this.#all;
  }

  #made(): readonly BoundPolicy[] {
    const byPolicy = Map.groupBy(this.#bindings.values(), ({ policyName }) => policyName);
    return [...byPolicy].sort(byName).flatMap(([name, bindings]) => {
      const policy = this.#policies.get(name);
      return policy === undefined
        ? []
        : [{ policy, bindings: bindings.sort((a, b) => (a.name < b.name ? -1 : 1)) }];
    });
  }

  /** Whether any of them may have to be asked. */
  handles(subject: Subject): boolean {
    return this.all.some(({ policy }) => policy.matcher.concerns(subject));
  }
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
