import { parseJson } from "@selvedge/base";
import type { KindDefinition } from "../kind-definition.ts";

/** JSON of an object of the kind, with integers as the kind has them. Throws what JSON.parse throws. */
export function readAs({ keepsIntegers }: Pick<KindDefinition, "keepsIntegers">, text: string): unknown {
  return keepsIntegers === undefined ? JSON.parse(text) : parseJson(text, keepsIntegers);
}
