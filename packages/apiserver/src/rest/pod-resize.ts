/** Through `resize` a Pod's containers get another size, and nothing else of it changes. */
import type { KubeObject } from "@selvedge/apimachinery";

interface SizedContainer {
  readonly name?: string;
  readonly resources?: unknown;
  readonly resizePolicy?: unknown;
}
type Lists = { readonly [list in (typeof lists)[number]]?: readonly SizedContainer[] };

const lists = ["containers", "initContainers"] as const;
const sizes = ["resources", "resizePolicy"] as const;

/** Another list of containers is taken as it is: the kind refuses it and says why. */
export function withSizes(stored: KubeObject, wanted: KubeObject): KubeObject {
  const [before, now] = [specOf(stored), specOf(wanted)];
  const spec: Record<string, unknown> = { ...before };
  for (const list of lists) {
    const [old = [], next = []] = [before[list], now[list]];
    const same = old.length === next.length && old.every(({ name }, at) => next[at]?.name === name);
    if (same && old.length === 0) continue;
    spec[list] = same ? old.map((one, at) => ({ ...without(one), ...sizeOf(next[at]) })) : next;
  }
  return { ...stored, metadata: { ...stored.metadata }, spec: structuredClone(spec) };
}

/** What of an applied configuration counts here. */
export function saidSizes({ apiVersion, kind, metadata, ...content }: KubeObject): KubeObject {
  const { name, namespace } = metadata;
  const said = specOf(content);
  const sized = lists.flatMap((list) => {
    const containers = said[list];
    if (!Array.isArray(containers)) return [];
    return [[list, containers.map((one: SizedContainer) => ({ name: one.name, ...sizeOf(one) }))]];
  });
  const spec = sized.length === 0 ? {} : { spec: Object.fromEntries(sized) };
  return { apiVersion, kind, metadata: { name, ...(namespace && { namespace }) }, ...spec };
}

function specOf(object: Readonly<Record<string, unknown>>): Lists {
  return (object["spec"] ?? {}) as Lists;
}

function sizeOf(container: SizedContainer = {}): SizedContainer {
  return Object.fromEntries(
    sizes.flatMap((name) => (container[name] === undefined ? [] : [[name, container[name]]])),
  );
}

function without({
  resources: _resources,
  resizePolicy: _policy,
  ...others
}: SizedContainer): SizedContainer {
  return others;
}
