import type { KindDefinition } from "@selvedge/apimachinery";
import { ageColumn, column, counts, nameColumn } from "../columns.ts";
import { builtIn } from "../kind.ts";
import { defaultMatch } from "./match-fields.ts";
import { policyMessage, type ValidatingAdmissionPolicy } from "./policy-fields.ts";
import { checkPolicy } from "./policy-rules.ts";

export const validatingAdmissionPolicyKind: KindDefinition = builtIn(policyMessage, {
  group: "admissionregistration.k8s.io",
  version: "v1",
  kind: "ValidatingAdmissionPolicy",
  plural: "validatingadmissionpolicies",
  singular: "validatingadmissionpolicy",
  categories: ["api-extensions"],
  namespaced: false,
  unconditionalUpdate: false,
  subresources: { status: true },
  applyDefaults: (object) => {
    const one = object as ValidatingAdmissionPolicy;
    one.spec ??= {};
    one.spec.failurePolicy ??= "Fail";
    defaultMatch(one.spec.matchConstraints);
    one.status ??= {};
  },
  validate: (object, old, _found, subresource) =>
    checkPolicy(
      object as ValidatingAdmissionPolicy,
      old as ValidatingAdmissionPolicy | undefined,
      subresource,
    ),
  columns: [
    nameColumn,
    counts<ValidatingAdmissionPolicy>(
      "Validations",
      "How much must be so.",
      ({ spec: { validations = [] } }) => validations.length,
    ),
    column<ValidatingAdmissionPolicy>(
      "ParamKind",
      "The kind of its params.",
      ({ spec: { paramKind: of } }) =>
        of === undefined ? "<unset>" : `${of.apiVersion ?? ""}/${of.kind ?? ""}`,
    ),
    ageColumn,
  ],
});
