import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { Faults } from "./faults.ts";
import { int32, kindMessage, type Message, message, microTime, object, pointer, text } from "./fields.ts";
import { builtIn } from "./kind.ts";

export interface Lease extends KubeObject {
  apiVersion: "coordination.k8s.io/v1";
  kind: "Lease";
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string | null;
    renewTime?: string | null;
    leaseTransitions?: number;
    strategy?: string;
    preferredHolder?: string;
  };
}

const leaseSpec: Message = message("Who holds the lease, and for how long.", {
  holderIdentity: text(1, "Who holds it.", pointer),
  leaseDurationSeconds: int32(2, "How long after its last renewal others may take it.", pointer),
  acquireTime: microTime(3, "Since when it is held.", pointer),
  renewTime: microTime(4, "When it was last renewed.", pointer),
  leaseTransitions: int32(5, "How often it changed hands.", pointer),
  strategy: text(6, "How a holder is chosen.", pointer),
  preferredHolder: text(7, "Who should hold it next.", pointer),
});

const lease: Message = kindMessage("A right that one holder at a time has.", {
  spec: object(2, leaseSpec, "Who holds it."),
});

export const leaseKind: KindDefinition = builtIn(lease, {
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  plural: "leases",
  singular: "lease",
  createsOnUpdate: true,
  namespaced: true,
  validate: (object) => validate(object as Lease),
  hasGeneration: false,
  unconditionalUpdate: false,
  columns: [
    nameColumn,
    column<Lease>("Holder", "Who holds it.", ({ spec }) => spec?.holderIdentity ?? ""),
    ageColumn,
  ],
});

function validate({ spec = {} }: Lease): FieldError[] {
  const faults = new Faults();
  const { leaseDurationSeconds: duration, strategy, preferredHolder } = spec;
  if (duration !== undefined && duration <= 0) {
    faults.invalid("spec.leaseDurationSeconds", duration, "must be greater than 0");
  }
  faults.atLeastZero("spec.leaseTransitions", spec.leaseTransitions);
  if (preferredHolder && !strategy) {
    faults.forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined");
  }
  return faults.errors;
}
