import type { FieldError, KindDefinition, KubeObject, Schema } from "@selvedge/apimachinery";
import type { Message } from "./fields.ts";
import { canonicalQuantity } from "./quantities.ts";

/** A kind of Kubernetes' own, from the rows that describe it. */
export function builtIn(of: Message, kind: Omit<KindDefinition, "schema" | "protobuf">): KindDefinition {
  const { applyDefaults, validate, ...others } = kind;
  const amounts = holderOf(of.schema);
  return {
    unconditionalUpdate: true,
    ...others,
    schema: of.schema,
    protobuf: of.protobuf,
    applyDefaults: (object, old) => {
      applyDefaults?.(object, old);
      writeQuantities(amounts, object);
    },
    validate: (object, ...rest) => [...finalizerErrors(object), ...(validate?.(object, ...rest) ?? [])],
  };
}

const ownFinalizers = ["kubernetes", "orphan", "foregroundDeletion"];

/** Whoever holds an object of a kind of Kubernetes' own says by a domain who they are. */
function finalizerErrors({ kind, metadata: { finalizers = [] } }: KubeObject): FieldError[] {
  // Upstream asks no Lease for it.
  if (kind === "Lease") return [];
  return unqualified(finalizers, "metadata.finalizers");
}

export function unqualified(finalizers: readonly string[], path: string): FieldError[] {
  return finalizers.flatMap((value, index) => {
    if (value.includes("/") || ownFinalizers.includes(value)) return [];
    const detail = "name is neither a standard finalizer name nor is it fully qualified";
    return [{ type: "FieldValueInvalid", field: `${path}[${index}]`, value, detail } as const];
  });
}

/** Where a value of a schema holds amounts. Found once a schema: most of an object need not be looked at. */
interface Holder {
  readonly isAmount: boolean;
  readonly items: Holder | undefined;
  readonly members: readonly (readonly [name: string, holder: Holder])[];
  readonly others: Holder | undefined;
}

const holders = new WeakMap<Schema, { readonly holder: Holder | undefined }>();

function holderOf(schema: Schema): Holder | undefined {
  const known = holders.get(schema);
  if (known !== undefined) return known.holder;
  const { format, items, additionalProperties, properties = {} } = schema;
  const members = Object.entries(properties).flatMap(([name, member]) => {
    const inner = holderOf(member);
    return inner === undefined ? [] : [[name, inner] as const];
  });
  const found: Holder = {
    isAmount: format === "quantity",
    items: items && holderOf(items),
    members,
    others: typeof additionalProperties === "object" ? holderOf(additionalProperties) : undefined,
  };
  const isEmpty = !found.isAmount && !found.items && !found.others && members.length === 0;
  const holder = isEmpty ? undefined : found;
  holders.set(schema, { holder });
  return holder;
}

/** Amounts as upstream writes them, so that `1000m` and `1` are one value for whoever compares. */
function writeQuantities(holder: Holder | undefined, value: unknown): void {
  if (holder === undefined || typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    if (holder.items !== undefined) for (const item of value) writeQuantities(holder.items, item);
    return;
  }
  const object = value as Record<string, unknown>;
  for (const [name, inner] of holder.members) writeMember(inner, object, name);
  if (holder.others !== undefined) {
    for (const name of Object.keys(object)) writeMember(holder.others, object, name);
  }
}

function writeMember(holder: Holder, object: Record<string, unknown>, name: string): void {
  const member = object[name];
  if (member === undefined) return;
  if (!holder.isAmount) writeQuantities(holder, member);
  else if (typeof member === "string" || typeof member === "number") {
    // What is no amount stays as it is: the schema says what is wrong with it.
    object[name] = canonicalQuantity(member) ?? member;
  }
}
