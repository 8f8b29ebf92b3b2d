import type { KindDefinition, KindView } from "@selvedge/apimachinery";

/** A kind as callers name it; a KindDefinition is one. */
export interface KindName {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly listKind?: string;
  readonly view?: KindView;
}

export function apiVersionOf(kind: { readonly group: string; readonly version: string }): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}

export function listKindOf(kind: KindName): string {
  return kind.listKind ?? `${kind.kind}List`;
}

/** `deployments.apps`, as messages name a resource. */
export function resourceName(kind: { readonly group: string; readonly plural: string }): string {
  return kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
}

/** Where the objects of a kind are kept: all of them, or those of one namespace. */
export function prefixOf(kind: KindName, namespace: string | undefined): string {
  const { group, plural } = kind.view?.of ?? kind;
  const base = `${group}/${plural}/`;
  return kind.namespaced && namespace ? `${base}${namespace}/` : base;
}

export function keyOf(kind: KindName, name: string, namespace: string | undefined): string {
  return `${prefixOf(kind, namespace)}${name}`;
}

export function hasGeneration(kind: KindDefinition): boolean {
  return kind.hasGeneration ?? kind.schema.properties?.["spec"] !== undefined;
}

export function isNamespaceKind(kind: KindName): boolean {
  return kind.group === "" && kind.plural === "namespaces";
}
