/** Objects as other kinds show them, and their scales. */
import { type KindDefinition, type KubeObject, readAs } from "@selvedge/apimachinery";
import { scaleOf } from "./scale.ts";
import { encodeAs } from "./stored.ts";

/** The object as `matched` shows it; of a write of its scale, its scale. */
export async function shownAs(
  matched: KindDefinition,
  { kind, subresource }: { readonly kind: KindDefinition; readonly subresource: string | undefined },
  object: KubeObject,
): Promise<KubeObject> {
  const shown = await versionOf(matched, kind, object);
  return subresource === "scale" ? scaleOf(matched, shown) : shown;
}

/** An object that one kind shows, as another shows it. */
export async function versionOf(
  to: KindDefinition,
  from: KindDefinition,
  object: KubeObject,
): Promise<KubeObject> {
  if (to === from || to.view === undefined) return object;
  const { converter } = to.view;
  if (converter === undefined) return to.view.read(readAs(to, encodeAs(from.view, object)) as KubeObject);
  const [shown = object] = await converter.convert([object], converter.version);
  return shown;
}
