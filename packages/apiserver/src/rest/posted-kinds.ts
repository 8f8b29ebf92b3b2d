/** What is sent that is no object of a kind whose objects are kept: by its name a thread reads a long one. */
import { deleteOptionsMessage, type KindDefinition } from "@selvedge/apimachinery";
import { keepsIntegers } from "@selvedge/base";
import { postedKinds } from "../auth/review-schemas.ts";
import type { ReadKind } from "./object-body.ts";
import { bindingMessage, evictionMessage } from "./pod-part-messages.ts";
import { scaleMessage } from "./scale.ts";

export interface PodPartKind extends ReadKind {
  readonly apiVersion: string;
  /** What it was called in an older version that is still said. */
  readonly before?: string;
}

export const bindingKind: PodPartKind = { kind: "Binding", apiVersion: "v1", protobuf: bindingMessage };
export const evictionKind: PodPartKind = {
  ...{ kind: "Eviction", apiVersion: "policy/v1", before: "policy/v1beta1", protobuf: evictionMessage },
};
/** Its numbers are small ones: one that is not is named as it was said. */
export const scaleKind: ReadKind = { kind: "Scale", protobuf: scaleMessage, keepsIntegers };
export const deleteOptionsKind: ReadKind & Pick<KindDefinition, "group" | "version"> = {
  ...{ group: "meta.k8s.io", version: "v1", kind: "DeleteOptions" },
  protobuf: deleteOptionsMessage,
};

const all: readonly ReadKind[] = [bindingKind, evictionKind, scaleKind, deleteOptionsKind, ...postedKinds];
const byName: ReadonlyMap<string, ReadKind> = new Map(all.map((kind) => [kind.kind, kind]));

export interface SaidPosted {
  readonly posted: string;
}

/** By what a thread finds it; undefined: it is none of these. */
export function saidPosted(kind: ReadKind): SaidPosted | undefined {
  return byName.get(kind.kind) === kind ? { posted: kind.kind } : undefined;
}

export function postedIn({ posted }: SaidPosted): ReadKind {
  const found = byName.get(posted);
  if (found === undefined) throw new Error(`nothing that is posted is called ${posted}`);
  return found;
}
