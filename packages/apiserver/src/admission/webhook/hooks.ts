/** Webhooks as they are configured now, in the order they are asked in. */
import {
  AdmissionCompiler,
  type KubeObject,
  type LabelSelector,
  type NamedExpression,
} from "@selvedge/apimachinery";
import type { Clock, Log, Millis } from "@selvedge/base";
import { seconds } from "@selvedge/base";
import type { Subject } from "../../admission.ts";
import { KeptKind } from "../../auth/kept-kind.ts";
import type { KindName } from "../../rest/kind-names.ts";
import type { ObjectRegistry } from "../../rest/object-registry.ts";
import { Matcher, type ResourceRule } from "../matching.ts";
import { conditionsIn, type SaidExpression } from "../policy/compiled-policy.ts";
import type { HookTarget } from "./hook-client.ts";

interface SaidWebhook {
  readonly name: string;
  readonly clientConfig: HookTarget;
  readonly rules?: readonly ResourceRule[];
  readonly failurePolicy?: string;
  readonly matchPolicy?: string;
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  readonly sideEffects?: string;
  readonly timeoutSeconds?: number;
  readonly admissionReviewVersions?: readonly string[];
  readonly matchConditions?: readonly SaidExpression[];
  readonly reinvocationPolicy?: string;
}

/** One webhook of one configuration. */
export interface Hook {
  readonly configuration: string;
  readonly name: string;
  readonly target: HookTarget;
  readonly matcher: Matcher;
  readonly conditions: readonly NamedExpression[];
  /** Its silence means yes. */
  readonly failsOpen: boolean;
  readonly timeout: Millis;
  readonly versions: readonly string[];
  /** It may be asked about what is only tried. */
  readonly tries: boolean;
  /** It is asked again when others have changed the object since. */
  readonly again: boolean;
}

export interface HookListOptions {
  readonly objects: ObjectRegistry;
  readonly kind: KindName;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: () => void;
}

export class HookList implements Disposable {
  readonly #kept: KeptKind;
  readonly #byName = new Map<string, readonly Hook[]>();
  #all: readonly Hook[] | undefined;

  constructor({ onChange, ...options }: HookListOptions) {
    this.#kept = new KeptKind({
      ...{ ...options, awaited: true },
      onChange: (name, object) => {
        if (object === undefined) this.#byName.delete(name);
        else this.#byName.set(name, hooksOf(object));
        this.#all = undefined;
        onChange();
      },
    });
  }

  get synced(): Promise<void> {
    return this.#kept.synced;
  }

  [Symbol.dispose](): void {
    this.#kept[Symbol.dispose]();
  }

  get all(): readonly Hook[] {
    this.#all ??= [...this.#byName].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, hooks]) => hooks);
    return this.#all;
  }

  /** Whether any of them may have to be asked. */
  handles(subject: Subject): boolean {
    return this.all.some(({ matcher }) => matcher.concerns(subject));
  }
}

function hooksOf(configuration: KubeObject): Hook[] {
  const webhooks = (configuration["webhooks"] ?? []) as readonly SaidWebhook[];
  return webhooks.flatMap((said): Hook[] => {
    const {
      rules = [],
      timeoutSeconds = 10,
      sideEffects = "",
      admissionReviewVersions: versions = [],
    } = said;
    // Without rules it is asked about nothing.
    if (rules.length === 0) return [];
    const compiler = new AdmissionCompiler({ params: false });
    return [
      {
        ...{
          configuration: configuration.metadata.name,
          name: said.name,
          target: said.clientConfig,
          versions,
        },
        matcher: new Matcher({ ...said, resourceRules: rules }),
        conditions: conditionsIn(compiler, said.matchConditions ?? []),
        ...{ failsOpen: said.failurePolicy === "Ignore", timeout: seconds(timeoutSeconds) },
        ...{
          tries: ["None", "NoneOnDryRun"].includes(sideEffects),
          again: said.reinvocationPolicy === "IfNeeded",
        },
      },
    ];
  });
}
