import type { Node, Pod } from "@selvedge/kinds";

/** Said by the node's own report, so it is known before an app is: an EVE has no other way to learn of these. */
export function speaksEve(node: Node | undefined): boolean {
  return node?.status?.nodeInfo?.containerRuntimeVersion.startsWith("eve://") ?? false;
}

/**
 * Whether a Pod finds a token for the API, and so a way there. Boxes of EVE have neither: they have no link, and
 * what is new in a file is another app to them.
 */
export function hasToken({ spec }: Pod, node: Node | undefined): boolean {
  const parts = (spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  return !speaksEve(node) && parts.some(({ serviceAccountToken: token }) => token && !token.audience);
}
