/** A Pod's priority is what its class says, and one class at most is the default. */
import { type AdmissionMember, refusedBy, StatusError } from "@selvedge/apiserver";
import { type Pod, type PriorityClass, podKind, priorityClassKind, systemClasses } from "@selvedge/kinds";
import type { Policies } from "./policies.ts";

export function priorityAdmission(policies: Policies): AdmissionMember[] {
  const defaultClass = (): PriorityClass | undefined =>
    policies.priorityClasses
      .list()
      .filter(({ globalDefault }) => globalDefault === true)
      .sort((left, right) => left.value - right.value)[0];
  const classOf = (name: string): Pick<PriorityClass, "value" | "preemptionPolicy"> | undefined => {
    const value = systemClasses[name];
    return value === undefined
      ? policies.priorityClasses.get(name)
      : { value, preemptionPolicy: "PreemptLowerPriority" };
  };
  return [
    {
      name: "Priority",
      handles: ({ kind, operation, subresource }) =>
        kind === podKind && operation === "CREATE" && subresource === undefined,
      mutate(request) {
        const { spec } = request.object as Pod;
        const fallback = defaultClass();
        if (!spec.priorityClassName && fallback !== undefined)
          spec.priorityClassName = fallback.metadata.name;
        const name = spec.priorityClassName ?? "";
        const found = name === "" ? undefined : classOf(name);
        if (name !== "" && found === undefined)
          throw refusedBy(request, `no PriorityClass with name ${name} was found`);
        const value = found?.value ?? 0;
        if (spec.priority !== undefined && spec.priority !== value) {
          const why =
            `the integer value of priority (${spec.priority}) must not be provided in pod spec; ` +
            `priority admission controller computed ${value} from the given PriorityClass name`;
          throw refusedBy(request, why);
        }
        spec.priority = value;
        const policy = found?.preemptionPolicy ?? "PreemptLowerPriority";
        if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
          const why =
            `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; ` +
            `priority admission controller computed ${policy} from the given PriorityClass name`;
          throw refusedBy(request, why);
        }
        spec.preemptionPolicy = policy;
      },
    },
    {
      name: "PriorityKept",
      handles: ({ kind, operation, subresource }) =>
        kind === podKind && operation === "UPDATE" && subresource === undefined,
      mutate({ object, old }) {
        const { spec } = object as Pod;
        const before = (old as Pod | undefined)?.spec;
        // Whoever applies what they wrote once does not know what was computed then.
        if (before?.priority !== undefined) spec.priority ??= before.priority;
        if (before?.preemptionPolicy !== undefined) spec.preemptionPolicy ??= before.preemptionPolicy;
      },
    },
    {
      name: "PriorityClassDefault",
      handles: ({ kind }) => kind === priorityClassKind,
      validate({ object, name = "", operation }) {
        const refuse = (why: string): never => {
          const text = `priorityclasses.scheduling.k8s.io "${name}" is forbidden: ${why}`;
          throw new StatusError(403, "Forbidden", text, {
            name,
            group: "scheduling.k8s.io",
            kind: "priorityclasses",
          });
        };
        if (operation === "DELETE") {
          if (systemClasses[name] === undefined) return;
          refuse("this is a system priority class and cannot be deleted");
        }
        const other = defaultClass();
        if (
          (object as PriorityClass).globalDefault !== true ||
          other === undefined ||
          other.metadata.name === name
        )
          return;
        refuse(
          `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
        );
      },
    },
  ];
}
