/** What is wrong with a CustomResourceDefinition, with upstream's paths and words. Pure. */
import { dns1035LabelFaults, dnsSubdomainFaults, type FieldError } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { approvalAnnotation, approvalOf } from "./api-approval.ts";
import { conversionErrors } from "./conversion-rules.ts";
import {
  type CustomResourceDefinition,
  type DefinitionNames,
  type DefinitionSpec,
  type DefinitionVersion,
  hasCondition,
} from "./definition.ts";
import { invalid, notSupported, required } from "./faults.ts";
import { parseFieldPath } from "./field-path.ts";
import { schemaErrors } from "./schema-rules.ts";

/** Of each version; upstream's. */
const selectableMax = 8;

export function definitionErrors(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  const { metadata, status } = definition;
  // What comes without one, as the patches of a kustomization do, is told of each field that it lacks.
  const spec = definition.spec ?? ({} as DefinitionSpec);
  const errors: FieldError[] = [];
  if (old === undefined && metadata.name !== `${spec.names?.plural}.${spec.group}`)
    errors.push(invalid("metadata.name", metadata.name, 'must be spec.names.plural+"."+spec.group'));
  errors.push(...specErrors(spec, old?.spec));
  if (old !== undefined) errors.push(...changeErrors(spec, old));
  const { acceptedNames, storedVersions = [] } = status ?? {};
  if (acceptedNames !== undefined) errors.push(...nameErrors(acceptedNames, "status.acceptedNames"));
  errors.push(...storedErrors(storedVersions, spec.versions ?? []));
  errors.push(...approvalErrors({ ...definition, spec }, old));
  if (spec.preserveUnknownFields === true) {
    const detail =
      "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
    errors.push(invalid("spec.preserveUnknownFields", true, detail));
  }
  return errors;
}

function specErrors(spec: DefinitionSpec, old: DefinitionSpec | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const { group = "", scope, versions = [], names, conversion } = spec;
  const groupFaults = dnsSubdomainFaults(group);
  if (group === "") errors.push(required("spec.group"));
  else if (groupFaults.length > 0) errors.push(invalid("spec.group", group, groupFaults.join(",")));
  else if (!group.includes("."))
    errors.push(invalid("spec.group", group, "should be a domain with at least one dot"));
  if (!scope) errors.push(required("spec.scope"));
  else if (scope !== "Cluster" && scope !== "Namespaced")
    errors.push(notSupported("spec.scope", scope, ["Cluster", "Namespaced"]));
  for (const [index, version] of versions.entries()) {
    if (version.schema?.openAPIV3Schema === undefined)
      errors.push(required(`spec.versions[${index}].schema.openAPIV3Schema`));
  }
  const unchanged = (version: DefinitionVersion): boolean =>
    old?.versions.some((one) => one.name === version.name && jsonEqual(one.schema, version.schema)) === true;
  const members = alike(versions);
  for (const [index, version] of versions.entries()) {
    const path = `spec.versions[${index}]`;
    const faults = dns1035LabelFaults(version.name ?? "");
    if (faults.length > 0) errors.push(invalid(`${path}.name`, version.name ?? "", faults.join(",")));
    // The first has a name from before there were versions, too.
    if (faults.length > 0 && index === 0 && version.name)
      errors.push(invalid("spec.version", version.name, faults.join(",")));
    const found = versionErrors(version, path, unchanged(version));
    errors.push(...found.flatMap((error) => toldOnce(error, path, members, index === 0)));
  }
  const distinct = new Set(versions.map(({ name }) => name));
  if (distinct.size < versions.length)
    errors.push(invalid("spec.versions", versions, "must contain unique version names"));
  if (versions.filter(({ storage }) => storage).length !== 1)
    errors.push(
      invalid("spec.versions", versions, "must have exactly one version marked as storage version"),
    );
  for (const field of ["plural", "singular", "kind", "listKind"] as const) {
    if (!names?.[field]) errors.push(required(`spec.names.${field}`));
  }
  if (names !== undefined) errors.push(...nameErrors(names, "spec.names"));
  errors.push(...conversionErrors(conversion, old?.conversion));
  return errors;
}

/** What was said once before there were versions, by the name it had. */
const onceNames = {
  ...{ schema: "validation", subresources: "subresources" },
  ...{ additionalPrinterColumns: "additionalPrinterColumns", selectableFields: "selectableFields" },
} as const;
type OnceName = keyof typeof onceNames;

/** What all versions say alike: upstream keeps it in one place, and tells its faults by that. */
function alike(versions: readonly DefinitionVersion[]): OnceName[] {
  const names = Object.keys(onceNames) as OnceName[];
  return names.filter((name) => versions.every((one) => jsonEqual(one[name], versions[0]?.[name])));
}

function toldOnce(
  error: FieldError,
  path: string,
  members: readonly OnceName[],
  isFirst: boolean,
): readonly FieldError[] {
  for (const name of members) {
    const before = `${path}.${name}`;
    if (!error.field.startsWith(before)) continue;
    const field = `spec.${onceNames[name]}${error.field.slice(before.length)}`;
    return isFirst ? [{ ...error, field }] : [];
  }
  return [error];
}

function versionErrors(version: DefinitionVersion, path: string, unchanged: boolean): FieldError[] {
  const errors = deprecationFaults(version).map((fault) =>
    invalid(`${path}.deprecationWarning`, version.deprecationWarning ?? null, fault),
  );
  const { schema, subresources, additionalPrinterColumns = [], selectableFields = [] } = version;
  const whole = schema?.openAPIV3Schema;
  const hasStatus = subresources?.status !== undefined;
  if (whole !== undefined) errors.push(...schemaErrors(whole, `${path}.schema`, { hasStatus, unchanged }));
  errors.push(...scaleErrors(subresources?.scale, `${path}.subresources.scale`));
  for (const [index, column] of additionalPrinterColumns.entries()) {
    errors.push(...columnErrors(column, `${path}.additionalPrinterColumns[${index}]`));
  }
  if (selectableFields.length === 0 || whole === undefined) return errors;
  const seen = new Set<string>();
  for (const [index, { jsonPath }] of selectableFields.entries()) {
    const at = `${path}.selectableFields[${index}].jsonPath`;
    if (!jsonPath) {
      errors.push(required(at));
      continue;
    }
    const found = parseFieldPath(jsonPath, whole, false);
    if (typeof found === "string") {
      errors.push(invalid(at, jsonPath, `is an invalid path: ${found}`));
      continue;
    }
    if (found.steps[0] === "metadata")
      errors.push(invalid(at, jsonPath, "must not point to fields in metadata"));
    if (!["string", "boolean", "integer"].includes(found.schema.type ?? "")) {
      const detail =
        "must point to a field of type string, boolean or integer. " +
        "Enum string fields and strings with formats are allowed.";
      errors.push(invalid(at, jsonPath, detail));
    }
    if (seen.has(found.text))
      errors.push({ type: "FieldValueDuplicate", field: at, value: jsonPath, detail: "" });
    seen.add(found.text);
  }
  if (seen.size > selectableMax) {
    const detail = `must have at most ${selectableMax} items`;
    const field = `${path}.selectableFields`;
    errors.push({ type: "FieldValueTooMany", field, value: seen.size, detail });
  }
  return errors;
}

function deprecationFaults({ deprecated, deprecationWarning: text }: DefinitionVersion): string[] {
  if (text === undefined) return [];
  if (!deprecated) return ["can only be set for deprecated versions"];
  const faults: string[] = [];
  if (text.length > 256) faults.push("must be <= 256 characters long");
  if (text === "") faults.push("must not be an empty string");
  const at = text.search(/[^\P{C}]/u);
  if (at >= 0) {
    const what = "must only contain printable UTF-8 characters; non-printable character found at index";
    faults.push(`${what} ${at}`);
  }
  return faults;
}

function nameErrors(names: DefinitionNames, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const check = (field: string, value: string | undefined, before = ""): void => {
    const faults = dns1035LabelFaults((before === "" ? value : value?.toLowerCase()) ?? "");
    if (value && faults.length > 0) errors.push(invalid(field, value, before + faults.join(",")));
  };
  check(`${path}.plural`, names.plural);
  check(`${path}.singular`, names.singular);
  const mixed = "may have mixed case, but should otherwise match: ";
  check(`${path}.kind`, names.kind, mixed);
  check(`${path}.listKind`, names.listKind, mixed);
  for (const list of ["shortNames", "categories"] as const)
    for (const [index, name] of (names[list] ?? []).entries()) {
      const faults = dns1035LabelFaults(name);
      if (faults.length > 0) errors.push(invalid(`${path}.${list}[${index}]`, name, faults.join(",")));
    }
  if (names.kind && names.kind === names.listKind)
    errors.push(invalid(`${path}.listKind`, names.listKind, "kind and listKind may not be the same"));
  return errors;
}

const columnTypes = ["boolean", "date", "integer", "number", "string"];
const columnFormats = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

function columnErrors(
  { name, type, format, jsonPath }: NonNullable<DefinitionVersion["additionalPrinterColumns"]>[number],
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!name) errors.push(required(`${path}.name`));
  const oneOf = `must be one of ${columnTypes.join(",")}`;
  if (!type) errors.push(required(`${path}.type`, oneOf));
  else if (!columnTypes.includes(type)) errors.push(invalid(`${path}.type`, type, oneOf));
  if (format && !columnFormats.includes(format))
    errors.push(invalid(`${path}.format`, format, `must be one of ${columnFormats.join(",")}`));
  if (!jsonPath) errors.push(required(`${path}.JSONPath`));
  else errors.push(...pathErrors(jsonPath, `${path}.JSONPath`));
  return errors;
}

function pathErrors(path: string, field: string): FieldError[] {
  return path.startsWith(".") ? [] : [invalid(field, path, "must be a simple json path starting with .")];
}

function scaleErrors(
  scale: NonNullable<DefinitionVersion["subresources"]>["scale"],
  path: string,
): FieldError[] {
  if (scale === undefined) return [];
  const errors: FieldError[] = [];
  const check = (field: string, value: string | undefined, below: readonly string[]): void => {
    const at = `${path}.${field}`;
    if (!value) errors.push(required(at));
    else if (!value.startsWith(".")) errors.push(...pathErrors(value, at));
    else if (!below.some((part) => value.startsWith(`${part}.`))) {
      const where = below.length > 1 ? `either ${below.join(" or ")}` : (below[0] ?? "");
      errors.push(invalid(at, value, `should be a json path under ${where}`));
    }
  };
  check("specReplicasPath", scale.specReplicasPath, [".spec"]);
  check("statusReplicasPath", scale.statusReplicasPath, [".status"]);
  if (scale.labelSelectorPath) check("labelSelectorPath", scale.labelSelectorPath, [".spec", ".status"]);
  return errors;
}

/** What the stored objects hang on cannot be changed. */
function changeErrors(spec: DefinitionSpec, old: CustomResourceDefinition): FieldError[] {
  const errors: FieldError[] = [];
  const same = (field: string, value: unknown, before: unknown): void => {
    if (value !== before) errors.push(invalid(field, value ?? "", "field is immutable"));
  };
  if (hasCondition(old, "Established")) {
    same("spec.scope", spec.scope, old.spec.scope);
    same("spec.names.kind", spec.names?.kind, old.spec.names.kind);
  }
  same("spec.group", spec.group, old.spec.group);
  same("spec.names.plural", spec.names?.plural, old.spec.names.plural);
  return errors;
}

function storedErrors(stored: readonly string[], versions: readonly DefinitionVersion[]): FieldError[] {
  const field = "status.storedVersions";
  if (stored.length === 0) return [invalid(field, stored, "must have at least one stored version")];
  const errors: FieldError[] = [];
  for (const { name, storage } of versions) {
    if (storage && !stored.includes(name))
      errors.push(invalid(field, stored, `must have the storage version ${name}`));
  }
  for (const [index, name] of stored.entries()) {
    if (versions.some((version) => version.name === name)) continue;
    const why = `${name} was previously a storage version, and must remain in spec.versions until a storage migration`;
    const what = `ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    errors.push(invalid(`${field}[${index}]`, name, `missing from spec.versions; ${why} ${what}`));
  }
  return errors;
}

function approvalErrors(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  const approval = approvalOf(definition);
  if (approval === undefined || approval.state === "approved" || approval.state === "bypassed") return [];
  if (old !== undefined && approvalOf(old)?.state === approval.state) return [];
  const field = `metadata.annotations[${approvalAnnotation}]`;
  if (approval.state === "missing") return [required(field, approval.reason)];
  return [invalid(field, definition.metadata.annotations?.[approvalAnnotation] ?? "", approval.reason)];
}
