/** Label and field selectors: what they say, and as an object in a spec. */
import { labelValueFaults, qualifiedNameFaults } from "./names.ts";

/** The selector cannot be read; the message is for the user. */
export class SelectorError extends Error {
  override name = "SelectorError";
}

export type Labels = Readonly<Record<string, string>>;

export interface Requirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  readonly values: readonly string[];
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

/** More requirements than any person or tool writes. */
export const requirementsMax = 256;

export function matchesLabels(requirements: readonly Requirement[], labels: Labels = {}): boolean {
  return requirements.every(({ key, operator, values }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value);
      case "NotIn":
        return value === undefined || !values.includes(value);
      case "Exists":
        return value !== undefined;
      case "DoesNotExist":
        return value === undefined;
      case "Gt":
        return value !== undefined && Number(value) > Number(values[0]);
      case "Lt":
        return value !== undefined && Number(value) < Number(values[0]);
      default:
        throw new SelectorError(`${operator} is not a valid selector operator`);
    }
  });
}

/**
 * A spec's selector. A missing one matches nothing (undefined), an empty one everything (no requirements).
 */
export function requirementsOf(selector: LabelSelector | undefined): Requirement[] | undefined {
  if (selector === undefined) return undefined;
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]) =>
    requirement(key, "In", [value]),
  );
  const others = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) =>
    requirement(key, operator, values),
  );
  return [...equal, ...others];
}

/** A selector object as the text that lists understand. */
export function formatRequirements(requirements: readonly Requirement[]): string {
  return requirements
    .map(({ key, operator, values }) => {
      switch (operator) {
        case "In":
          return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${[...values].sort().join(",")})`;
        case "NotIn":
          return values.length === 1
            ? `${key}!=${values[0]}`
            : `${key} notin (${[...values].sort().join(",")})`;
        case "Exists":
          return key;
        case "DoesNotExist":
          return `!${key}`;
        case "Gt":
          return `${key}>${values[0]}`;
        case "Lt":
          return `${key}<${values[0]}`;
        default:
          throw new SelectorError(`${operator} is not a valid selector operator`);
      }
    })
    .join(",");
}

export interface FieldRequirement {
  readonly path: string;
  readonly equal: boolean;
  readonly value: string;
}

const operators: Readonly<Record<string, Requirement["operator"]>> = {
  In: "In",
  NotIn: "NotIn",
  Exists: "Exists",
  DoesNotExist: "DoesNotExist",
  Gt: "Gt",
  Lt: "Lt",
};

function requirement(key: string, operator: string, values: readonly string[]): Requirement {
  const [keyFault] = qualifiedNameFaults(key);
  if (keyFault !== undefined) throw new SelectorError(`invalid label key "${key}": ${keyFault}`);
  const known = Object.hasOwn(operators, operator) ? operators[operator] : undefined;
  if (known === undefined) throw new SelectorError(`"${operator}" is not a valid label selector operator`);
  if ((known === "In" || known === "NotIn") && values.length === 0) {
    throw new SelectorError("for 'in', 'notin' operators, values set can't be empty");
  }
  if ((known === "Exists" || known === "DoesNotExist") && values.length > 0) {
    throw new SelectorError("values set must be empty for exists and does not exist");
  }
  for (const value of values) {
    const [fault] = labelValueFaults(value);
    if (fault !== undefined) throw new SelectorError(`invalid label value: "${value}": ${fault}`);
  }
  return { key, operator: known, values };
}
