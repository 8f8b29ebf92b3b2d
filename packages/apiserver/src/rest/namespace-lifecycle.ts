/** Nothing new in a namespace that is not there or on its way out; some namespaces never go. */
import { type AdmissionMember, refusedBy } from "../admission.ts";
import { isNamespaceKind } from "./kind-names.ts";
import type { Stored } from "./stored.ts";

/** What every client takes for granted. */
const immortal = new Set(["default", "kube-system", "kube-public"]);

/** `namespaceOf` throws NotFound, which is what the client is told. */
export function namespaceLifecycle(namespaceOf: (name: string) => Promise<Stored>): AdmissionMember {
  return {
    name: "NamespaceLifecycle",
    handles: ({ operation, kind }) =>
      operation === "CREATE" ? kind.namespaced : operation === "DELETE" && isNamespaceKind(kind),
    async gate(request) {
      const { operation, name, namespace = "" } = request;
      if (operation === "DELETE") {
        if (immortal.has(name)) throw refusedBy(request, "this namespace may not be deleted");
        return;
      }
      const stored = await namespaceOf(namespace);
      // Every write asks: a text without the word need not be read.
      if (!stored.json.includes("deletionTimestamp") || !stored.object.metadata.deletionTimestamp) return;
      const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
      const cause = {
        reason: "NamespaceTerminating",
        message: `namespace ${namespace} is being terminated`,
        field: "metadata.namespace",
      };
      throw refusedBy(request, why, [cause]);
    },
  };
}
