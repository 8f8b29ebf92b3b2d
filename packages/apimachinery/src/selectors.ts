/** Label and field selectors: as text in a URL, and as an object in a spec. */
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
const requirementsMax = 256;

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

/** Reads `a=b,c!=d,e in (f,g),!h`. An empty text matches everything. */
export function parseLabelSelector(text: string): Requirement[] {
  const requirements: Requirement[] = [];
  for (const part of splitOutsideParentheses(text)) {
    if (requirements.length >= requirementsMax)
      throw new SelectorError(`more than ${requirementsMax} requirements`);
    requirements.push(parseRequirement(part));
  }
  return requirements;
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

/** Reads `metadata.name=a,status.phase!=Running`; `\,`, `\=` and `\\` stand for themselves. */
export function parseFieldSelector(text: string): FieldRequirement[] {
  const parts = text.match(/(?:\\.|[^,\\])+/g) ?? [];
  return parts.map((part) => {
    const match = /^([^=!]+?)(==|=|!=)([\s\S]*)$/.exec(part);
    if (match === null) throw new SelectorError(`invalid selector: '${part}'; can't understand '${part}'`);
    const [, path = "", operator, value = ""] = match;
    return { path: path.trim(), equal: operator !== "!=", value: value.replace(/\\([\\,=])/g, "$1") };
  });
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

function parseRequirement(part: string): Requirement {
  const set = /^(\S+?)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part);
  if (set !== null) {
    const [, key = "", operator, list = ""] = set;
    const values = list.split(",").map((value) => value.trim());
    return requirement(key, operator === "in" ? "In" : "NotIn", values);
  }
  const equality = /^([^=!<>\s]+)\s*(==|=|!=|>|<)\s*(\S*)$/.exec(part);
  if (equality !== null) {
    const [, key = "", operator = "", value = ""] = equality;
    if (operator === ">" || operator === "<") {
      if (!/^-?\d+$/.test(value))
        throw new SelectorError("for 'Gt', 'Lt' operators, the value must be an integer");
      return requirement(key, operator === ">" ? "Gt" : "Lt", [value]);
    }
    return requirement(key, operator === "!=" ? "NotIn" : "In", [value]);
  }
  if (/^!\s*\S+$/.test(part)) return requirement(part.slice(1).trim(), "DoesNotExist", []);
  if (/^\S+$/.test(part)) return requirement(part, "Exists", []);
  throw new SelectorError(`unable to parse requirement: found '${part}'`);
}

function splitOutsideParentheses(text: string): string[] {
  if (text.trim() === "") return [];
  const parts: string[] = [];
  let depth = 0;
  let part = "";
  for (const character of text) {
    if (character === "(") depth++;
    if (character === ")") depth--;
    if (character === "," && depth === 0) {
      parts.push(part.trim());
      part = "";
    } else part += character;
  }
  if (depth !== 0) throw new SelectorError("unable to parse requirement: parentheses do not match");
  return [...parts, part.trim()];
}
