import type { Condition, FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { Faults, immutable } from "../faults.ts";
import { atomic, byKeys, kindMessage, type Message, message, object, objects, texts } from "../fields.ts";
import { builtIn } from "../kind.ts";
import { condition } from "../meta-fields.ts";
import { cidrFault } from "./cidr.ts";

/** Ranges that addresses of Services are of. */
export interface ServiceCidr extends KubeObject {
  apiVersion: "networking.k8s.io/v1";
  kind: "ServiceCIDR";
  spec: { cidrs?: string[] };
  status?: { conditions?: Condition[] };
}

const cidrSpec: Message = message("Which.", {
  cidrs: texts(1, "A range, or one of each version of IP.", atomic),
});

const cidrStatus: Message = message("Whether it is used.", {
  conditions: objects(1, condition, "Ready: addresses of it are given.", byKeys("type")),
});

const serviceCidr: Message = kindMessage(
  "Ranges that addresses of Services are of. Only the server's own, kubernetes, is used; others are kept.",
  {
    spec: object(2, cidrSpec, "Which."),
    status: object(3, cidrStatus, "Whether it is used."),
  },
);

export const serviceCidrKind: KindDefinition = builtIn(serviceCidr, {
  group: "networking.k8s.io",
  version: "v1",
  kind: "ServiceCIDR",
  plural: "servicecidrs",
  singular: "servicecidr",
  namespaced: false,
  hasGeneration: false,
  subresources: { status: true },
  validate: (object, old) => validate(object as ServiceCidr, old as ServiceCidr | undefined),
  columns: [
    nameColumn,
    column<ServiceCidr>("CIDRs", "Which.", ({ spec }) => (spec?.cidrs ?? []).join(",")),
    ageColumn,
  ],
});

const cidrsMax = 2;

function validate({ spec }: ServiceCidr, old: ServiceCidr | undefined): FieldError[] {
  const faults = new Faults();
  const at = "spec.cidrs";
  const { cidrs = [] } = spec ?? {};
  if (old !== undefined) {
    const { cidrs: before = [] } = old.spec ?? {};
    const grows = before.length === 1 && cidrs.length === cidrsMax;
    if (cidrs.length !== before.length && !grows) {
      faults.invalid(at, cidrs, immutable);
      return faults.errors;
    }
    for (const [index, range] of before.entries()) {
      if (cidrs[index] !== range) faults.invalid(`${at}[${index}]`, cidrs[index], immutable);
    }
    if (!grows) return faults.errors;
  }
  if (cidrs.length === 0) faults.required(at, "at least one CIDR required");
  if (cidrs.length > cidrsMax) {
    faults.invalid(at, spec, "may only hold up to 2 values");
    return faults.errors;
  }
  const wrong = cidrs.map((range) => cidrFault(range));
  for (const [index, fault] of wrong.entries()) {
    if (fault !== undefined) faults.invalid(`${at}[${index}]`, cidrs[index], fault);
  }
  const [first = "", second = ""] = cidrs;
  if (second !== "" && wrong.every((fault) => fault === undefined) && isSix(first) === isSix(second)) {
    const example = "i.e 192.168.0.0/24 and 2001:db8::/64";
    faults.invalid(at, cidrs, `may specify no more than one IP for each IP family, ${example}`);
  }
  return faults.errors;
}

function isSix(range: string): boolean {
  return range.includes(":");
}
