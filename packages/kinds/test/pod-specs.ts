/** Specs of Pods for rule tables. */
import type { Container } from "../src/pod/container-types.ts";
import { podKind } from "../src/pod/pod.ts";
import { admit } from "./admit.ts";

export const container: Container = { name: "web", image: "nginx:1.27" };

export function errorsOf(spec: unknown): readonly string[] {
  return admit(podKind, { spec }).errors;
}

/** A Pod with one container that has more to say. */
export function withContainer(more: object): unknown {
  return { containers: [{ ...container, ...more }] };
}

export function withSpec(more: object): unknown {
  return { containers: [container], ...more };
}

export function withVolume(volume: object): unknown {
  return withSpec({ volumes: [{ name: "v", ...volume }] });
}
