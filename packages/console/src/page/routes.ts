import type { Group } from "./fleet/fleet-rows.ts";

/** Where somebody is: behind the # of the address, so that it can be kept, sent and gone back to. */
export type Route =
  | { readonly at: "fleet"; readonly group: Group; readonly search: string; readonly page: number }
  | { readonly at: "node"; readonly name: string }
  | { readonly at: "pod"; readonly namespace: string; readonly name: string }
  | { readonly at: "nowhere"; readonly hash: string };

const groupNames: readonly Group[] = ["all", "needs", "ready", "silent", "waiting", "other"];
export const wholeFleet: Route = { at: "fleet", group: "all", search: "", page: 0 };

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [place, ...names] = path.split("/").map(decode);
  const [first, second] = names;
  if (place === "" || (place === "nodes" && first === undefined)) {
    const asked = new URLSearchParams(query);
    const group = groupNames.find((name) => name === asked.get("state")) ?? "all";
    const page = Math.max(0, Math.trunc(Number(asked.get("page")) || 1) - 1);
    return { at: "fleet", group, search: asked.get("search") ?? "", page };
  }
  if (place === "nodes" && first && second === undefined) return { at: "node", name: first };
  if (place === "pods" && first && second && names.length === 2) {
    return { at: "pod", namespace: first, name: second };
  }
  return { at: "nowhere", hash };
}

export function hashOf(route: Route): string {
  switch (route.at) {
    case "fleet": {
      const query = new URLSearchParams();
      if (route.group !== "all") query.set("state", route.group);
      if (route.search !== "") query.set("search", route.search);
      if (route.page > 0) query.set("page", String(route.page + 1));
      return query.size === 0 ? "#/nodes" : `#/nodes?${query}`;
    }
    case "node":
      return `#/nodes/${encodeURIComponent(route.name)}`;
    case "pod":
      return `#/pods/${encodeURIComponent(route.namespace)}/${encodeURIComponent(route.name)}`;
    case "nowhere":
      return route.hash;
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
