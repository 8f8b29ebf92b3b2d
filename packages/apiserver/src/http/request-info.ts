/**
 * What a request asks for, by its method and path alone: authorization, fairness and the audit log need it
 * before it is known whether there is such a thing.
 */
import type { PathAttributes, ResourceAttributes } from "../auth/authorization.ts";
import { selectedField } from "../rest/selection.ts";
import { decodeStep } from "../rest/target.ts";
import { isTrue } from "./query.ts";

export type RequestInfo = Omit<PathAttributes, "user"> | Omit<ResourceAttributes, "user">;

export interface Question {
  readonly path: string;
  readonly query: URLSearchParams;
}

/**
 * `/api/v1/watch/…`, as clients asked for watches before there was a parameter for it: the same as it is asked
 * for today, where a name is a selector. Anything else is as it was.
 */
export function withoutWatchStep(method: string, { path, query }: Question): Question {
  const found = method === "GET" ? /^(\/api\/[^/]+|\/apis\/[^/]+\/[^/]+)\/watch\/(.+)$/.exec(path) : null;
  if (found === null) return { path, query };
  const [, root = "", below = ""] = found;
  const steps = below.split("/");
  const prefix = steps[0] === "namespaces" && steps.length > 2 ? steps.splice(0, 2) : [];
  const [resource = "", name, ...more] = steps;
  if (more.length > 0) return { path, query };
  const asked = new URLSearchParams(query);
  asked.set("watch", "1");
  if (name !== undefined) {
    const fields = [query.get("fieldSelector"), `metadata.name=${decodeStep(name)}`];
    asked.set("fieldSelector", fields.filter(Boolean).join(","));
  }
  return { path: [root, ...prefix, resource].join("/"), query: asked };
}

/** Parts of a namespace itself, not things in it. */
const namespaceParts = new Set(["status", "finalize"]);

export function requestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const [root, ...steps] = path.slice(1).split("/").map(decodeStep);
  const group = root === "apis" ? steps.shift() : root === "api" ? "" : undefined;
  const version = steps.shift();
  if (group === undefined || version === undefined || (steps[0] ?? "") === "") {
    return { type: "path", verb: method.toLowerCase(), path: decodePath(path) };
  }
  let namespace: string | undefined;
  if (steps[0] === "namespaces" && steps[1] !== undefined) {
    namespace = steps[1];
    if (steps[2] !== undefined && !namespaceParts.has(steps[2])) steps.splice(0, 2);
  }
  const [resource = "", name, subresource] = steps;
  // As upstream: who names an object in the path is given that object.
  const watches = isTrue(query.get("watch")) && name === undefined;
  const fieldSelector = query.get("fieldSelector") ?? undefined;
  const named = name ?? nameIn(fieldSelector);
  return {
    ...{ type: "resource", group, version, resource },
    verb: verbOf(method, name !== undefined, watches),
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(named === undefined ? {} : { name: named }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

/** A list of the one object with a name is for whoever may see that one. */
function nameIn(fieldSelector: string | undefined): string | undefined {
  return selectedField(fieldSelector, "metadata.name") || undefined;
}

function decodePath(path: string): string {
  return path.split("/").map(decodeStep).join("/");
}

/** What the request does, as authorization and discovery call it. */
function verbOf(method: string, named: boolean, watches: boolean): string {
  switch (method) {
    case "GET":
    case "HEAD":
      return watches ? "watch" : named ? "get" : "list";
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      return named ? "delete" : "deletecollection";
    default:
      return method.toLowerCase();
  }
}
