/** What a definition's status should say, from what it asks for and what others have. Pure. */
import type { Condition } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { approvalCondition } from "./api-approval.ts";
import {
  type CustomResourceDefinition,
  conditionOf,
  type DefinitionNames,
  hasCondition,
  setCondition,
} from "./definition.ts";

/** Names in one group that belong to others. */
export interface TakenNames {
  /** Plural, singular and short names. */
  readonly resources: ReadonlySet<string>;
  /** Kinds and kinds of lists. */
  readonly kinds: ReadonlySet<string>;
}

/**
 * The definition with the status it should have; undefined when it has it. A kind is established in a
 * second step, when `isServed`: whoever waits for that finds it served.
 */
export function planConditions(
  definition: CustomResourceDefinition,
  taken: TakenNames,
  isServed: boolean,
  time: string,
): CustomResourceDefinition | undefined {
  const next = { ...definition };
  const { accepted, condition } = acceptNames(definition, taken);
  next.status = { ...next.status, acceptedNames: accepted };
  setCondition(next, condition, time);
  const established = conditionOf(definition, "Established")?.status === "True";
  if (!established) {
    const ready = condition.status === "True" && isServed && hasCondition(definition, "NamesAccepted");
    setCondition(next, establishedCondition(condition.status === "True", ready), time);
  }
  const approval = approvalCondition(definition);
  if (approval !== undefined) setCondition(next, approval, time);
  return jsonEqual(next.status, definition.status) ? undefined : next;
}

function establishedCondition(accepted: boolean, ready: boolean): Condition {
  const type = "Established";
  const installed = "the initial names have been accepted";
  if (ready) return { type, status: "True", reason: "InitialNamesAccepted", message: installed };
  return accepted
    ? { type, status: "False", reason: "Installing", message: installed }
    : { type, status: "False", reason: "NotAccepted", message: "not all names are accepted" };
}

/** Every name that nobody else has is its own from now on; the others are told of. */
function acceptNames(
  { spec, status }: CustomResourceDefinition,
  taken: TakenNames,
): { readonly accepted: DefinitionNames; readonly condition: Condition } {
  const asked = spec.names;
  const had = status?.acceptedNames;
  const accepted: DefinitionNames = { ...(had ?? { plural: "", kind: "" }) };
  const faults: { readonly reason: string; readonly message: string }[] = [];
  const isFree = (name: string, own: string | undefined, others: ReadonlySet<string>): boolean =>
    name === own || !others.has(name);
  const claim = (field: "plural" | "singular" | "kind" | "listKind", others: ReadonlySet<string>): void => {
    const name = asked[field] ?? "";
    if (isFree(name, had?.[field], others)) accepted[field] = name;
    else {
      const reason = `${field[0]?.toUpperCase()}${field.slice(1)}Conflict`;
      faults.push({ reason, message: `${JSON.stringify(name)} is already in use` });
    }
  };
  claim("plural", taken.resources);
  claim("singular", taken.resources);
  const short = asked.shortNames ?? [];
  const used = short.filter((name) => !had?.shortNames?.includes(name) && taken.resources.has(name));
  if (used.length === 0) accepted.shortNames = [...short];
  else {
    const texts = used.map((name) => `${JSON.stringify(name)} is already in use`);
    const message = texts.length === 1 ? (texts[0] ?? "") : `[${texts.join(", ")}]`;
    faults.push({ reason: "ShortNamesConflict", message });
  }
  if (accepted.shortNames?.length === 0) delete accepted.shortNames;
  claim("kind", taken.kinds);
  claim("listKind", taken.kinds);
  if (asked.categories?.length) accepted.categories = [...asked.categories];
  else delete accepted.categories;
  for (const field of ["plural", "singular", "kind", "listKind"] as const) {
    if (accepted[field] === "" && field !== "plural" && field !== "kind") delete accepted[field];
  }
  const type = "NamesAccepted";
  const last = faults.at(-1);
  if (last !== undefined) return { accepted, condition: { type, status: "False", ...last } };
  const message = "no conflicts found";
  return { accepted, condition: { type, status: "True", reason: "NoConflicts", message } };
}
