/** What is asked about besides objects that are kept: streams of them, and what is posted to them or to nothing. */
import type { KubeObject } from "@selvedge/apimachinery";
import type { AdmissionChain } from "../admission.ts";
import type { Exchange } from "../http/exchange.ts";
import { isTrue } from "../http/query.ts";
import type { ObjectRegistry } from "../rest/object-registry.ts";
import type { WriteQuery } from "../rest/write-query.ts";

/** What upstream calls what a stream is opened with, by the object's kind and its part. */
const kinds: Readonly<Record<string, string>> = {
  ...{ "pods/exec": "PodExecOptions", "pods/attach": "PodAttachOptions" },
  ...{ "pods/portforward": "PodPortForwardOptions", "pods/proxy": "PodProxyOptions" },
  ...{ "services/proxy": "ServiceProxyOptions", "nodes/proxy": "NodeProxyOptions" },
};

export async function admitStream(
  admission: AdmissionChain,
  { target, query, user, audit }: Pick<Exchange, "query" | "target" | "user" | "audit">,
  warn: (text: string) => void,
): Promise<void> {
  const { kind, namespace, name = "", subresource } = target;
  const options = kind.group === "" ? kinds[`${kind.plural}/${subresource}`] : undefined;
  if (options === undefined) return;
  const object = { kind: options, apiVersion: "v1", ...openedWith(options, query, target.rest) };
  const about = { operation: "CONNECT", kind, subresource, namespace, name, old: undefined } as const;
  const request = {
    ...{ ...about, object: object as unknown as KubeObject, user, dryRun: false, warn },
    annotate: (key: string, value: string) => audit?.annotate(key, value),
  };
  for (const phase of ["mutate", "validate"] as const) await admission.ask(phase, request);
}

/** Asks about what is no object that is kept: who changes it changes what is done with it. */
export async function admitPosted(
  { admission }: ObjectRegistry,
  { target: { kind, namespace, name = "", subresource } }: Exchange,
  object: KubeObject,
  asked: WriteQuery,
): Promise<void> {
  const { dryRun = false, user, warn = () => undefined, annotate } = asked;
  const about = { operation: "CREATE", kind, subresource, namespace, name, object, old: undefined } as const;
  const request = { ...about, user, dryRun, warn, annotate, asked };
  for (const phase of ["mutate", "validate"] as const) await admission.ask(phase, request);
}

function openedWith(
  options: string,
  query: URLSearchParams,
  rest: string | undefined,
): Readonly<Record<string, unknown>> {
  if (options.endsWith("ProxyOptions")) return { path: `/${rest ?? ""}` };
  if (options === "PodPortForwardOptions") {
    const ports = query.getAll("ports").flatMap((text) => text.split(",").map(Number));
    return ports.length > 0 ? { ports } : {};
  }
  const [container, command] = [query.get("container"), query.getAll("command")];
  return {
    ...Object.fromEntries(
      ["stdin", "stdout", "stderr", "tty"].flatMap((one) => (isTrue(query.get(one)) ? [[one, true]] : [])),
    ),
    ...(container && { container }),
    ...(command.length > 0 && { command }),
  };
}
