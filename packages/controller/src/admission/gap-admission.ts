/**
 * What an object asks for and no node does is said to whoever writes it (docs/decisions/0220), and what is
 * hardly meant.
 */
import type { AdmissionMember } from "@selvedge/apiserver";
import { jsonEqual } from "@selvedge/base";
import { doubtsOf, gapsOf, kindsWithGaps } from "@selvedge/kinds";

export const gapAdmission: AdmissionMember = {
  name: "NotSupportedWarnings",
  handles: ({ kind, operation, subresource }) =>
    kindsWithGaps.has(kind.kind) && !kind.custom && operation !== "DELETE" && subresource === undefined,
  validate({ object, old, warn }) {
    if (object === undefined || (old !== undefined && jsonEqual(old["spec"], object["spec"]))) return;
    for (const line of [...gapsOf(object), ...doubtsOf(object)]) warn(line);
  },
};
