import type { Instant } from "@selvedge/base";
import type { Pod } from "@selvedge/kinds";
import { html, nothing } from "lit-html";
import { podState } from "../pod/pod-state.ts";
import { hashOf } from "../routes.ts";
import { badge, type Part, since } from "../ui/parts.ts";

/** More are on no node; a table of them is not read to its end. */
const rowsMax = 250;

/** The apps of a node. */
export function podTable(pods: readonly Pod[], now: Instant): Part {
  const sorted = pods.toSorted((left, right) => left.metadata.name.localeCompare(right.metadata.name));
  return html`<table>
      <thead>
        <tr>
          <th scope="col">App</th>
          <th scope="col">State</th>
          <th scope="col" class="wide">Restarts</th>
          <th scope="col" class="wide">Age</th>
        </tr>
      </thead>
      <tbody>
        ${sorted.slice(0, rowsMax).map((pod) => {
          const { name, namespace = "", creationTimestamp } = pod.metadata;
          const { tone, word, why } = podState(pod);
          return html`<tr>
            <th scope="row" class="name">
              <a href=${hashOf({ at: "pod", namespace, name })}>${name}</a>
              <span class="sub">${namespace}</span>
            </th>
            <td>${badge(tone, word)} ${why === "" ? nothing : html`<span class="sub">${why}</span>`}</td>
            <td class="wide">${restartsOf(pod)}</td>
            <td class="wide nowrap">${since(creationTimestamp, now)}</td>
          </tr>`;
        })}
      </tbody>
    </table>
    ${sorted.length > rowsMax ? html`<p class="quiet">… and ${sorted.length - rowsMax} more.</p>` : nothing}`;
}

function restartsOf({ status }: Pod): number {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return all.reduce((sum, { restartCount }) => sum + restartCount, 0);
}
