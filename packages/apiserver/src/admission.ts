/**
 * What has a say in a write besides the kind itself. Members are asked in the order they were added:
 *
 *   gate ─► defaults ─► mutate ─► prune, default, validate (the kind) ─► validate ─► store
 *                                   └ write-plan.ts
 *
 * A member throws a StatusError to refuse; `refusedBy` words it as upstream does. It may be asked more than
 * once for one write, when another write came between, and must not count on being the last to be asked. Who is
 * outside of this program (webhooks, policies) comes after the others; only quotas come later, by their `rank`.
 */
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import type { User } from "./auth/user.ts";
import type { DeleteQuery } from "./rest/delete-plan.ts";
import type { FieldRules } from "./rest/field-validation.ts";
import { resourceName } from "./rest/kind-names.ts";
import { detailsOf } from "./rest/refusals.ts";
import { type StatusCause, StatusError } from "./status-error.ts";

/** CONNECT: a stream of an object is opened; only who looks for it is asked. */
export type Operation = "CREATE" | "UPDATE" | "DELETE" | "CONNECT";

/** Who writes, and how: the same for every member. */
export interface WriteTerms {
  /** Undefined: a part of this program, which answers to nobody. */
  readonly user: User | undefined;
  readonly dryRun: boolean;
  readonly warn: (text: string) => void;
  /** Puts a word into the request's audit event, if that is of the level; nothing hears it where there is none. */
  readonly annotate?: ((key: string, value: string, level?: "Request") => void) | undefined;
}

export interface AdmissionRequest extends WriteTerms {
  readonly operation: Operation;
  readonly kind: KindDefinition;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string;
  /** As it would be stored; undefined of a deletion. `mutate` changes it in place. */
  readonly object: KubeObject | undefined;
  /** As it is stored, for reading only; undefined of a creation. */
  readonly old: KubeObject | undefined;
  /** How it was asked for. */
  readonly asked?: FieldRules | DeleteQuery;
  /** What needs all of it is made in a thread. */
  readonly isLong?: boolean;
}

/** What tells whether a member is asked at all. */
export type Subject = Pick<AdmissionRequest, "operation" | "kind" | "subresource">;

export interface AdmissionMember {
  readonly name: string;
  /** Who has a higher one is asked later; 0 when not given. */
  readonly rank?: number;
  /** Tells others of the object: nothing is in it that its kind does not know. */
  readonly tells?: boolean;
  /** Depends on nothing but the subject: it is asked once for each, and again when `changed` is called. */
  handles(subject: Subject): boolean;
  /** Asked before anybody looks at the object: what it says may be wrong in every way. */
  gate?(request: AdmissionRequest): Promise<void> | void;
  /**
   * Completes the object, which has its kind's defaults; of an update it is what the client sent, whose
   * status and server's metadata do not count. Of deletions only who looks for them is asked. "again": all
   * are asked once more, for they have not seen what this one has made of it.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most have nothing to say
  mutate?(request: AdmissionRequest): Promise<void | "again"> | void | "again";
  /** Sees exactly what will be stored, or, of a deletion, what is to go. */
  validate?(request: AdmissionRequest): Promise<void> | void;
}

type Phase = "gate" | "mutate" | "validate";
/** Who is asked about a subject, by phase. */
interface Asked extends Readonly<Record<Phase, readonly AdmissionMember[]>> {
  readonly tells: boolean;
}

export class AdmissionChain {
  readonly #members: AdmissionMember[] = [];
  /** By kind, then by what is done with it: every write asks. */
  #asked = new WeakMap<KindDefinition, Map<string, Asked>>();

  add(...members: readonly AdmissionMember[]): void {
    this.#members.push(...members);
    this.#members.sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0));
    this.changed();
  }

  /** Somebody handles other subjects than before. */
  changed(): void {
    this.#asked = new WeakMap();
  }

  /** Whether anybody would change the object. */
  mutates(subject: Subject): boolean {
    return this.#of(subject).mutate.length > 0;
  }

  /** Whether anybody outside is told of it. */
  tells(subject: Subject): boolean {
    return this.#of(subject).tells;
  }

  /** Undefined: nobody has a say. */
  ask(phase: Phase, request: AdmissionRequest): Promise<void> | undefined {
    const members = this.#of(request)[phase];
    return members.length === 0 ? undefined : askAll(members, phase, request);
  }

  #of(subject: Subject): Asked {
    const { kind, operation, subresource = "" } = subject;
    let ofKind = this.#asked.get(kind);
    if (ofKind === undefined) {
      ofKind = new Map();
      this.#asked.set(kind, ofKind);
    }
    const what = `${operation} ${subresource}`;
    let asked = ofKind.get(what);
    if (asked === undefined) {
      const handling = this.#members.filter((member) => member.handles(subject));
      const having = (phase: Phase): AdmissionMember[] =>
        handling.filter((member) => member[phase] !== undefined);
      const tells = handling.some((member) => member.tells === true);
      asked = { gate: having("gate"), mutate: having("mutate"), validate: having("validate"), tells };
      ofKind.set(what, asked);
    }
    return asked;
  }
}

async function askAll(
  members: readonly AdmissionMember[],
  phase: Phase,
  request: AdmissionRequest,
): Promise<void> {
  let isChanged = false;
  for (const member of members) if ((await member[phase]?.(request)) === "again") isChanged = true;
  if (isChanged) for (const member of members) await member[phase]?.(request);
}

/** `pods "web" is forbidden: …` */
export function refusedBy(
  { kind, name, object }: Pick<AdmissionRequest, "kind" | "name" | "object">,
  why: string,
  causes?: readonly StatusCause[],
): StatusError {
  const shown = name || (object?.metadata.generateName ?? "");
  const message = `${resourceName(kind)} "${shown}" is forbidden: ${why}`;
  const details = { ...detailsOf(kind, shown), ...(causes && { causes }) };
  return new StatusError(403, "Forbidden", message, details);
}
