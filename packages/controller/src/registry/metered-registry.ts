import type { MetricRegistry } from "@selvedge/base";
import type { Registry, RegistryRequest, RegistryResponse } from "./registry.ts";

/** What the listeners need of the registry. */
export type RegistryDoor = Pick<Registry, "handle">;

/** The same registry, counting the bytes that come and go. */
export function meteredRegistry(registry: RegistryDoor, metrics: MetricRegistry): RegistryDoor {
  const bytes = metrics.counter("selvedge_registry_bytes_total", "Bytes of images.", ["direction"]);
  const count = async function* (
    direction: "in" | "out",
    parts: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    for await (const part of parts) {
      bytes.add([direction], part.length);
      yield part;
    }
  };
  return {
    async handle(request: RegistryRequest): Promise<RegistryResponse> {
      const answer = await registry.handle({ ...request, body: count("in", request.body) });
      if (!(answer.body instanceof Uint8Array)) return { ...answer, body: count("out", answer.body) };
      bytes.add(["out"], answer.body.length);
      return answer;
    },
  };
}
