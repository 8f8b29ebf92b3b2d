import { below, type Random } from "@selvedge/base";

const letters = "bcdfghjklmnpqrstvwxz2456789";
const suffixLength = 5;
/** So that a name with its suffix is still a label. */
const baseMax = 58;

/** What `generateName` makes a name of: it may be taken. */
export function generatedName(base: string, random: Random): string {
  const suffix = Array.from({ length: suffixLength }, () => letters[below(random, letters.length)]).join("");
  return base.slice(0, baseMax) + suffix;
}
