/** Roles and bindings, found by who they are for. */
import type { User } from "../user.ts";
import type { PolicyRule } from "./rules.ts";

export interface RoleRef {
  readonly kind: string;
  readonly name: string;
}

export interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

export interface Binding {
  readonly name: string;
  /** Undefined: for all namespaces. */
  readonly namespace: string | undefined;
  readonly roleRef: RoleRef;
  readonly subjects: readonly Subject[];
}

/** A rule that a user has, and by whose word. */
export interface Grant {
  readonly rule: PolicyRule;
  readonly binding: Binding;
  readonly subject: Subject;
}

export interface Grants {
  readonly grants: Iterable<Grant>;
  /** Bindings that name a role which is not there: filled as `grants` is read. */
  readonly faults: readonly string[];
}

type Subjects = Map<string, Map<string, Binding>>;

const everywhere = "";

export class RbacIndex {
  /** By `namespace/name`, or the name of a ClusterRole. */
  readonly #roles = new Map<string, readonly PolicyRule[]>();
  readonly #bindings = new Map<string, Binding>();
  /** Bindings by namespace, then by subject. */
  readonly #scopes = new Map<string, Subjects>();

  putRole(key: string, rules: readonly PolicyRule[] | undefined): void {
    if (rules === undefined) this.#roles.delete(key);
    else this.#roles.set(key, rules);
  }

  putBinding(key: string, binding: Binding | undefined): void {
    const old = this.#bindings.get(key);
    if (old !== undefined) this.#unlist(key, old);
    if (binding === undefined) this.#bindings.delete(key);
    else {
      this.#bindings.set(key, binding);
      this.#list(key, binding);
    }
  }

  /** Undefined: there is no such role. */
  rulesOf(roleRef: RoleRef, namespace: string | undefined): readonly PolicyRule[] | undefined {
    return this.#roles.get(
      roleRef.kind === "ClusterRole" ? roleRef.name : `${namespace ?? everywhere}/${roleRef.name}`,
    );
  }

  /** All that a user may do in a namespace and everywhere; without a namespace, everywhere. */
  grantsOf(user: User, namespace: string | undefined): Grants {
    const faults: string[] = [];
    return { grants: this.#grants(user, namespace, faults), faults };
  }

  *#grants(user: User, namespace: string | undefined, faults: string[]): Generator<Grant> {
    const keys = subjectKeysOf(user);
    for (const scope of namespace ? [everywhere, namespace] : [everywhere]) {
      const subjects = this.#scopes.get(scope);
      if (subjects === undefined) continue;
      const told = new Set<string>();
      for (const key of keys) {
        for (const [name, binding] of subjects.get(key) ?? []) {
          if (told.has(name)) continue;
          told.add(name);
          const rules = this.rulesOf(binding.roleRef, binding.namespace);
          if (rules === undefined) {
            const { kind, name: role } = binding.roleRef;
            faults.push(`${kind.toLowerCase()}.rbac.authorization.k8s.io "${role}" not found`);
            continue;
          }
          const subject = binding.subjects.find((one) => keyOf(one, binding.namespace) === key);
          if (subject === undefined) continue;
          for (const rule of rules) yield { rule, binding, subject };
        }
      }
    }
  }

  #list(key: string, binding: Binding): void {
    const scope = binding.namespace ?? everywhere;
    let subjects = this.#scopes.get(scope);
    if (subjects === undefined) {
      subjects = new Map();
      this.#scopes.set(scope, subjects);
    }
    for (const subject of binding.subjects) {
      const of = keyOf(subject, binding.namespace);
      const known = subjects.get(of);
      if (known === undefined) subjects.set(of, new Map([[key, binding]]));
      else known.set(key, binding);
    }
  }

  #unlist(key: string, binding: Binding): void {
    const scope = binding.namespace ?? everywhere;
    const subjects = this.#scopes.get(scope);
    if (subjects === undefined) return;
    for (const subject of binding.subjects) {
      const of = keyOf(subject, binding.namespace);
      const known = subjects.get(of);
      known?.delete(key);
      if (known?.size === 0) subjects.delete(of);
    }
    if (subjects.size === 0) this.#scopes.delete(scope);
  }
}

function subjectKeysOf({ name, groups }: User): string[] {
  return [`User/${name}`, ...groups.map((group) => `Group/${group}`)];
}

/** A ServiceAccount is a user by the name that its tokens give it. */
function keyOf({ kind, name, namespace }: Subject, own: string | undefined): string {
  return kind === "ServiceAccount"
    ? `User/system:serviceaccount:${namespace || (own ?? "")}:${name}`
    : `${kind}/${name}`;
}
