import { describeError } from "@selvedge/base";
import type { EdgeNode } from "@selvedge/kinds";
import { edgeNodes } from "../kinds.ts";
import type { Page } from "../page.ts";

export function mayApprove(page: Page): boolean {
  return page.access.may("patch", edgeNodes);
}

/** Lets a box in that waits, after somebody has held its serial against the one on the box. */
export async function approve(
  page: Page,
  { edgeNode, serial }: { readonly edgeNode: string; readonly serial: string },
): Promise<void> {
  const patch = { spec: { approved: true } };
  const sure = await page.confirm({
    title: "Let this box in?",
    text:
      "It becomes a node: it is given its configuration, and apps may run on it. " +
      "Check that the serial is the one on the box.",
    facts: [
      ["Serial", serial || "none"],
      ["EdgeNode", edgeNode],
    ],
    act: "Approve",
    kubectl: `kubectl patch edgenode ${edgeNode} --type merge -p '${JSON.stringify(patch)}'`,
  });
  if (!sure) return;
  try {
    await page.objects.patch<EdgeNode>(edgeNodes, edgeNode, undefined, "merge", patch);
    page.tell({
      tone: "good",
      text: `${edgeNode} is approved. It comes in at its next attempt, within half a minute.`,
    });
  } catch (error) {
    page.tell({ tone: "bad", text: `${edgeNode} is not approved: ${describeError(error)}` });
  }
}
