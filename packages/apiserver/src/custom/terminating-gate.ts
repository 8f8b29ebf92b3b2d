import type { AdmissionMember } from "../admission.ts";
import { StatusError } from "../status-error.ts";

/** No new objects of a kind whose definition is going: they would keep it from going. */
export const terminatingGate: AdmissionMember = {
  name: "CustomResourceDefinitionTerminating",
  handles: ({ operation, kind: { custom, verbs } }) =>
    operation === "CREATE" && custom === true && verbs?.includes("create") === false,
  gate: () => {
    const message = "create not allowed while custom resource definition is terminating";
    throw new StatusError(405, "MethodNotAllowed", message, {});
  },
};
