/**
 * What an object asks for and no node does is said to whoever writes it (docs/decisions/0220), and what is
 * hardly meant.
 */
import { type AdmissionMember, cloneObject, isLazy, isSame } from "@selvedge/apiserver";
import { doubtsOf, gapsOf, kindsWithGaps } from "@selvedge/kinds";

export const gapAdmission: AdmissionMember = {
  name: "NotSupportedWarnings",
  handles: ({ kind, operation, subresource }) =>
    kindsWithGaps.has(kind.kind) && !kind.custom && operation !== "DELETE" && subresource === undefined,
  validate({ object, old, warn, user }) {
    // A part of this program hears nothing.
    if (object === undefined || user === undefined) return;
    if (old !== undefined && isSame(old["spec"] as object, object["spec"] as object)) return;
    // What is read of a copy stays text in the other.
    const own = isLazy(object) ? cloneObject(object) : object;
    for (const line of [...gapsOf(own), ...doubtsOf(own)]) warn(line);
  },
};
