/**
 * Collects what is wrong with an object, in upstream's words, and checks what many kinds have in common.
 * What is required and missing the schema has said already: the checks pass over it.
 */
import {
  dnsLabelFaults,
  dnsSubdomainFaults,
  type FieldError,
  type LabelSelector,
  labelValueFaults,
  qualifiedNameFaults,
} from "@selvedge/apimachinery";

const portMax = 65_535;
const portNameMax = 15;
const keyMax = 253;
const notSupported = "not supported by Selvedge";

export class Faults {
  readonly errors: FieldError[] = [];
  /** What is right and Selvedge does not do, as it would be said of something wrong. */
  readonly gaps: FieldError[] = [];

  required(field: string, detail = ""): void {
    this.errors.push({ type: "FieldValueRequired", field, detail });
  }

  invalid(field: string, value: unknown, detail: string): void {
    this.errors.push({ type: "FieldValueInvalid", field, value, detail });
  }

  forbidden(field: string, detail: string): void {
    this.errors.push({ type: "FieldValueForbidden", field, detail });
  }

  duplicate(field: string, value: unknown): void {
    this.errors.push({ type: "FieldValueDuplicate", field, value, detail: "" });
  }

  notFound(field: string, value: unknown): void {
    this.errors.push({ type: "FieldValueNotFound", field, value, detail: "" });
  }

  tooLong(field: string, bytesMax: number): void {
    const detail = `may not be more than ${bytesMax} bytes`;
    this.errors.push({ type: "FieldValueTooLong", field, detail });
  }

  tooMany(field: string, count: number, max: number): void {
    const detail = `must have at most ${max} items`;
    this.errors.push({ type: "FieldValueTooMany", field, value: count, detail });
  }

  /** What Selvedge knows and does not do: written, said to whoever writes it, and not run (docs/decisions/0220). */
  gap(field: string, reason: string): void {
    this.gaps.push({ type: "FieldValueForbidden", field, detail: `${notSupported}: ${reason}` });
  }

  /** The same where nothing would ever come of the object. */
  refused(field: string, reason: string): void {
    this.forbidden(field, `${notSupported}: ${reason}`);
  }

  oneOf(field: string, value: unknown, supported: readonly string[]): void {
    if (typeof value === "string" && supported.includes(value)) return;
    const list = supported.map((one) => JSON.stringify(one)).join(", ");
    const detail = `supported values: ${list}`;
    this.errors.push({ type: "FieldValueNotSupported", field, value, detail });
  }

  all(field: string, value: unknown, faults: readonly string[]): void {
    for (const fault of faults) this.invalid(field, value, fault);
  }

  /** A text that must be there and be a DNS label. */
  label(field: string, value: string | undefined): void {
    if (!value) this.required(field);
    else this.all(field, value, dnsLabelFaults(value));
  }

  subdomain(field: string, value: string | undefined): void {
    if (!value) this.required(field);
    else this.all(field, value, dnsSubdomainFaults(value));
  }

  atLeastZero(field: string, value: number | undefined): void {
    if (value !== undefined && value < 0) this.invalid(field, value, "must be greater than or equal to 0");
  }

  between(field: string, value: number, low: number, high: number): void {
    if (value < low || value > high)
      this.invalid(field, value, `must be between ${low} and ${high}, inclusive`);
  }

  port(field: string, value: number): void {
    this.between(field, value, 1, portMax);
  }

  portOrName(field: string, value: number | string | undefined): void {
    if (value === undefined) return;
    if (typeof value === "number") this.port(field, value);
    else this.all(field, value, portNameFaults(value));
  }

  /** The key of a label, a taint or an annotation. */
  key(field: string, key: string | undefined): void {
    if (key !== undefined) this.all(field, key, qualifiedNameFaults(key));
  }

  labels(field: string, labels: Readonly<Record<string, string>> | undefined): void {
    for (const [key, value] of Object.entries(labels ?? {})) {
      this.all(field, key, qualifiedNameFaults(key));
      this.all(field, value, labelValueFaults(value));
    }
  }

  selector(field: string, selector: LabelSelector | undefined): void {
    if (selector === undefined) return;
    this.labels(`${field}.matchLabels`, selector.matchLabels);
    for (const [index, { key, operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
      const at = `${field}.matchExpressions[${index}]`;
      this.key(`${at}.key`, key);
      if (operator === "In" || operator === "NotIn") {
        if (values.length === 0) {
          this.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
        }
      } else if (operator === "Exists" || operator === "DoesNotExist") {
        if (values.length > 0) {
          const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
          this.forbidden(`${at}.values`, detail);
        }
      } else this.invalid(`${at}.operator`, operator, "not a valid selector operator");
      for (const [place, value] of values.entries()) {
        this.all(`${at}.values[${place}]`, value, labelValueFaults(value));
      }
    }
  }
}

/** `spec.hostNetwork: not supported by Selvedge: an app is never …` */
export function gapTexts({ gaps }: Faults): readonly string[] {
  return gaps.map(({ field, detail }) => `${field}: ${detail}`);
}

export const immutable = "field is immutable";

export function portNameFaults(name: string): string[] {
  const faults: string[] = [];
  if (name.length > portNameMax) faults.push(`must be no more than ${portNameMax} characters`);
  if (!/^[-a-z0-9]+$/.test(name)) {
    faults.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (!/[a-z]/.test(name)) faults.push("must contain at least one letter (a-z)");
  if (name.includes("--")) faults.push("must not contain consecutive hyphens");
  if (name.startsWith("-") || name.endsWith("-")) faults.push("must not begin or end with a hyphen");
  return faults;
}

/** A key of a ConfigMap or Secret: it may become a file's name. */
export function dataKeyFaults(key: string): string[] {
  const faults: string[] = [];
  if (key.length > keyMax) faults.push(`must be no more than ${keyMax} characters`);
  if (!/^[-._a-zA-Z0-9]+$/.test(key)) {
    const examples = "'key.name',  or 'KEY_NAME',  or 'key-name'";
    faults.push(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' " +
        `(e.g. ${examples}, regex used for validation is '[-._a-zA-Z0-9]+')`,
    );
  }
  if (key === "." || key === "..") faults.push(`must not be '${key}'`);
  else if (key.startsWith("..")) faults.push("must not start with '..'");
  return faults;
}

export function variableNameFaults(name: string): string[] {
  if (/^[ -<>-~]+$/.test(name)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** A path below a folder. */
export function relativePathFaults(path: string): string[] {
  const faults: string[] = [];
  if (path.startsWith("/")) faults.push("must be a relative path");
  if (path.split("/").includes("..")) faults.push("must not contain '..'");
  return faults;
}

/** A path below a folder that does not take the names the node itself uses there. */
export function filePathFaults(path: string): string[] {
  const faults = relativePathFaults(path);
  if (path.startsWith("..") && !path.startsWith("../") && path !== "..") {
    faults.push("must not start with '..'");
  }
  return faults;
}
