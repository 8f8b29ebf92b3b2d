/** Kinds that are kept for who asks for them and that nothing here acts by: whoever writes one is told so. */
import { type AdmissionMember, refusedBy } from "@selvedge/apiserver";
import { jsonEqual } from "@selvedge/base";
import {
  csiDriverKind,
  csiNodeKind,
  csiStorageCapacityKind,
  flowSchemaKind,
  ipAddressKind,
  priorityLevelKind,
  serviceCidrKind,
  volumeAttachmentKind,
  volumeAttributesClassKind,
} from "@selvedge/kinds";
import type { ServiceRange } from "../endpoints/service-range.ts";
import { ownFlowSpec } from "../flow-objects.ts";
import { ownServiceCidr } from "../standard-objects.ts";

const volumesAreDisks = "volumes are disks of nodes, which nobody attaches or mounts by it";
const ownLevels = "requests are shared out by the server's own levels";

const inert = new Map([
  [csiDriverKind, volumesAreDisks],
  [csiNodeKind, volumesAreDisks],
  [csiStorageCapacityKind, "no Pod is placed by it"],
  [volumeAttachmentKind, volumesAreDisks],
  [volumeAttributesClassKind, "a node's volumes are all alike"],
  [ipAddressKind, "addresses of Services follow from their names"],
  [serviceCidrKind, "Services have addresses of the range that the controller was started with"],
  [flowSchemaKind, ownLevels],
  [priorityLevelKind, ownLevels],
]);

export function keptAdmission(range: ServiceRange): AdmissionMember {
  const cidr = ownServiceCidr(range);
  return {
    name: "KeptKinds",
    handles: ({ kind, subresource }) => inert.has(kind) && subresource === undefined,
    validate(request) {
      const { kind, name, object, operation, user, warn } = request;
      const ownRange = name === cidr.metadata.name ? cidr.spec : undefined;
      const own = kind === serviceCidrKind ? ownRange : ownFlowSpec(kind, name);
      if (own === undefined) {
        if (operation !== "DELETE") warn(`${kind.kind} is kept, but ${inert.get(kind)}`);
      } else if (operation === "DELETE") {
        throw refusedBy(request, "it says what the server does");
      } else if (user !== undefined && !jsonEqual(object?.["spec"], own)) {
        throw refusedBy(
          request,
          `it says what the server does: spec of '${name}' must equal the fixed value`,
        );
      }
    },
  };
}
