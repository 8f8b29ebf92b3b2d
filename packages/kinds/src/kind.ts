import { type KindDefinition, parseQuantity, type Schema } from "@selvedge/apimachinery";
import type { Message } from "./fields.ts";
import { canonicalQuantity } from "./quantities.ts";

/** A kind of Kubernetes' own, from the rows that describe it. */
export function builtIn(of: Message, kind: Omit<KindDefinition, "schema" | "protobuf">): KindDefinition {
  const { applyDefaults, ...others } = kind;
  return {
    unconditionalUpdate: true,
    ...others,
    schema: of.schema,
    protobuf: of.protobuf,
    applyDefaults: (object) => {
      applyDefaults?.(object);
      writeQuantities(of.schema, object);
    },
  };
}

/** Amounts as upstream writes them, so that `1000m` and `1` are one value for whoever compares. */
function writeQuantities(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items !== undefined && holdsQuantities(items)) for (const item of value) writeQuantities(items, item);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const members = value as Record<string, unknown>;
  for (const [name, member] of Object.entries(members)) {
    const of = memberOf(schema, name);
    if (of === undefined || !holdsQuantities(of)) continue;
    if (of.format !== "quantity") writeQuantities(of, member);
    else if (isAmount(member)) members[name] = canonicalQuantity(member);
  }
}

function isAmount(value: unknown): value is string | number {
  return (typeof value === "string" || typeof value === "number") && parseQuantity(value) !== undefined;
}

function memberOf({ properties, additionalProperties }: Schema, name: string): Schema | undefined {
  if (properties !== undefined && Object.hasOwn(properties, name)) return properties[name];
  return typeof additionalProperties === "object" ? additionalProperties : undefined;
}

/** Schemas never change: each is looked through once. */
const holders = new WeakMap<Schema, boolean>();

function holdsQuantities(schema: Schema): boolean {
  let holds = holders.get(schema);
  if (holds === undefined) {
    const { format, items, additionalProperties, properties = {} } = schema;
    const inner = [items, additionalProperties, ...Object.values(properties)];
    holds = format === "quantity" || inner.some((one) => typeof one === "object" && holdsQuantities(one));
    holders.set(schema, holds);
  }
  return holds;
}
