import { describeError } from "@selvedge/base";
import type { Pod } from "@selvedge/kinds";
import { pods } from "../kinds.ts";
import type { Page } from "../page.ts";

export function mayDelete(page: Page, namespace: string): boolean {
  return page.access.may("delete", pods, namespace);
}

/** Deletes a Pod, which is a restart where somebody makes it anew. */
export async function remove(page: Page, { metadata }: Pod): Promise<void> {
  const { name, namespace, uid } = metadata;
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  const sure = await page.confirm({
    title: owner === undefined ? "Delete this app?" : "Restart this app?",
    text:
      owner === undefined
        ? "Nobody makes it anew: it is gone, with what it wrote outside of its volumes."
        : `It is ended, and its ${owner.kind} ${owner.name} makes a new one. ` +
          "What it wrote outside of its volumes is gone.",
    act: owner === undefined ? "Delete" : "Restart",
    isDangerous: owner === undefined,
    kubectl: `kubectl delete pod ${name} -n ${namespace}`,
  });
  if (!sure) return;
  try {
    // This very one: another of its name may be there by now.
    await page.objects.delete(pods, name, namespace, uid === undefined ? {} : { preconditions: { uid } });
    page.tell({ tone: "good", text: `${name} is being ended.` });
  } catch (error) {
    page.tell({ tone: "bad", text: `${name} is not deleted: ${describeError(error)}` });
  }
}
