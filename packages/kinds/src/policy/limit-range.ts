import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { parseQuantity } from "@selvedge/apimachinery";
import { createdColumn, nameColumn } from "../columns.ts";
import { Faults } from "../faults.ts";
import {
  atomic,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  objects,
  quantityMap,
  text,
} from "../fields.ts";
import { builtIn } from "../kind.ts";
import { checkResourceName } from "../pod/validate-resources.ts";

export interface LimitRange extends KubeObject {
  apiVersion: "v1";
  kind: "LimitRange";
  spec: { limits?: LimitRangeItem[] };
}

export interface LimitRangeItem {
  type: "Container" | "Pod" | "PersistentVolumeClaim";
  max?: Record<string, string>;
  min?: Record<string, string>;
  default?: Record<string, string>;
  defaultRequest?: Record<string, string>;
  maxLimitRequestRatio?: Record<string, string>;
}

const limitRangeItem: Message = message("How much one thing may take.", {
  type: text(1, "Container, Pod or PersistentVolumeClaim.", needed),
  max: quantityMap(2, "The most."),
  min: quantityMap(3, "The least."),
  default: quantityMap(4, "The limit of a container that says none."),
  defaultRequest: quantityMap(5, "The request of a container that says none."),
  maxLimitRequestRatio: quantityMap(6, "How many times its request a limit may be."),
});

const limitRangeSpec: Message = message("How much things of a namespace may take.", {
  limits: objects(1, limitRangeItem, "The limits.", atomic, needed),
});

const limitRange: Message = kindMessage("How much things of a namespace may take, each by itself.", {
  spec: object(2, limitRangeSpec, "How much they may take."),
});

export const limitRangeKind: KindDefinition = builtIn(limitRange, {
  group: "",
  version: "v1",
  kind: "LimitRange",
  plural: "limitranges",
  singular: "limitrange",
  createsOnUpdate: true,
  shortNames: ["limits"],
  namespaced: true,
  hasGeneration: false,
  applyDefaults: (object) => applyDefaults(object as LimitRange),
  validate: (object) => validate(object as LimitRange),
  columns: [nameColumn, createdColumn],
});

/** What is said of one end goes for the other: a default is at most the max, a request the default. */
function applyDefaults(range: LimitRange): void {
  range.spec ??= {};
  for (const item of range.spec.limits ?? []) {
    if (item.type !== "Container") continue;
    item.default = { ...item.max, ...item.default };
    item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
    for (const field of ["default", "defaultRequest"] as const) {
      if (Object.keys(item[field] ?? {}).length === 0) delete item[field];
    }
  }
}

function validate({ spec }: LimitRange): FieldError[] {
  const faults = new Faults();
  const seen = new Set<string>();
  for (const [index, item] of (spec.limits ?? []).entries()) {
    const path = `spec.limits[${index}]`;
    if (seen.has(item.type)) faults.duplicate(`${path}.type`, item.type);
    seen.add(item.type);
    const isKnown =
      ["Container", "PersistentVolumeClaim", "Pod"].includes(item.type) || item.type?.includes("/");
    if (!isKnown)
      faults.invalid(`${path}.type`, item.type, "must be a standard limit type or fully qualified");
    checkItem(faults, path, item);
  }
  return faults.errors;
}

function checkItem(faults: Faults, path: string, item: LimitRangeItem): void {
  const { type, min = {}, max = {}, default: limit = {}, defaultRequest: request = {} } = item;
  checkNames(faults, path, item);
  if (type === "Pod") {
    if (Object.keys(limit).length > 0)
      faults.forbidden(`${path}.default`, "may not be specified when `type` is 'Pod'");
    if (Object.keys(request).length > 0)
      faults.forbidden(`${path}.defaultRequest`, "may not be specified when `type` is 'Pod'");
  }
  if (type === "PersistentVolumeClaim" && min["storage"] === undefined && max["storage"] === undefined) {
    faults.required(
      `${path}.limits`,
      "either minimum or maximum storage value is required, but neither was provided",
    );
  }
  const pairs: readonly (readonly [
    string,
    Record<string, string>,
    string,
    Record<string, string>,
    string,
  ])[] = [
    ["min", min, "max", max, "min"],
    ["defaultRequest", request, "max", max, "defaultRequest"],
    ["default", limit, "max", max, "default"],
  ];
  for (const [name, low, otherName, high] of pairs) {
    for (const [key, amount] of Object.entries(low)) {
      if (!isMore(amount, high[key])) continue;
      faults.invalid(
        `${path}.${name}[${key}]`,
        amount,
        `${name} value ${amount} is greater than ${otherName} value ${high[key]}`,
      );
    }
  }
  for (const [key, amount] of Object.entries(request)) {
    if (isMore(amount, limit[key])) {
      faults.invalid(
        `${path}.defaultRequest[${key}]`,
        amount,
        `default request value ${amount} is greater than default limit value ${limit[key]}`,
      );
    }
    if (isMore(min[key], amount)) {
      faults.invalid(
        `${path}.defaultRequest[${key}]`,
        amount,
        `min value ${min[key]} is greater than default request value ${amount}`,
      );
    }
  }
  for (const [key, amount] of Object.entries(limit)) {
    if (isMore(min[key], amount)) {
      faults.invalid(
        `${path}.default[${key}]`,
        amount,
        `min value ${min[key]} is greater than default value ${amount}`,
      );
    }
  }
  checkRatios(faults, `${path}.maxLimitRequestRatio`, item);
}

function checkNames(faults: Faults, path: string, item: LimitRangeItem): void {
  const { type } = item;
  faults.key(`${path}.type`, type);
  if (type !== "Pod" && type !== "Container") return;
  for (const member of ["max", "min", "default", "defaultRequest"] as const)
    for (const name of Object.keys(item[member] ?? {}))
      checkResourceName(faults, `${path}.${member}[${name}]`, name);
}

function checkRatios(faults: Faults, path: string, item: LimitRangeItem): void {
  const { max = {}, min = {}, maxLimitRequestRatio: ratio = {} } = item;
  const amountOf = (text: string | undefined): number => Number(parseQuantity(text ?? "") ?? 0n);
  for (const [key, amount] of Object.entries(ratio)) {
    const at = `${path}[${key}]`;
    if (isMore("1", amount)) faults.invalid(at, amount, `ratio ${amount} is less than 1`);
    const [most, least] = [amountOf(max[key]), amountOf(min[key])];
    if (most === 0 || least === 0) continue;
    const widest = most / least;
    if (amountOf(amount) / amountOf("1") > widest)
      faults.invalid(at, amount, `ratio ${amount} is greater than max/min = ${widest.toFixed(6)}`);
  }
}

function isMore(left: string | undefined, right: string | undefined): boolean {
  if (left === undefined || right === undefined) return false;
  return (parseQuantity(left) ?? 0n) > (parseQuantity(right) ?? 0n);
}
