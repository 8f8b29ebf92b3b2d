/**
 * Bootstrap tokens: `abcdef.0123456789abcdef`, kept as Secrets `bootstrap-token-abcdef` in kube-system, for
 * programs that have nothing yet.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Clock } from "@selvedge/base";
import type { KindName } from "../rest/kind-names.ts";
import type { ObjectRegistry } from "../rest/object-registry.ts";
import { StatusError } from "../status-error.ts";
import type { Authenticator } from "./authentication.ts";

const secrets: KindName = { group: "", version: "v1", kind: "Secret", plural: "secrets", namespaced: true };
const group = "system:bootstrappers";

export function bootstrapTokens(objects: ObjectRegistry, clock: Clock): Authenticator {
  return {
    async authenticate({ bearerToken = "" }) {
      const [, id, secret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(bearerToken) ?? [];
      if (id === undefined || secret === undefined) return undefined;
      const data = await dataOf(objects, `bootstrap-token-${id}`);
      if (data === undefined || data["token-id"] !== id) return undefined;
      if (!isEqual(data["token-secret"] ?? "", secret)) return undefined;
      if (data["usage-bootstrap-authentication"] !== "true") return undefined;
      const { expiration } = data;
      // What cannot be read as a time has passed.
      if (expiration !== undefined && !(Date.parse(expiration) > clock.now())) return undefined;
      const extra = (data["auth-extra-groups"] ?? "").split(",").filter((one) => one.startsWith(`${group}:`));
      return { user: { name: `system:bootstrap:${id}`, groups: [group, ...extra] } };
    },
  };
}

async function dataOf(objects: ObjectRegistry, name: string): Promise<Record<string, string> | undefined> {
  try {
    const { object } = await objects.getStored(secrets, name, "kube-system");
    if (object["type"] !== "bootstrap.kubernetes.io/token" || object.metadata.deletionTimestamp)
      return undefined;
    const entries = Object.entries((object["data"] ?? {}) as Record<string, string>);
    return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, "base64").toString()]));
  } catch (error) {
    if (error instanceof StatusError && error.reason === "NotFound") return undefined;
    throw error;
  }
}

/** In the same time wherever they differ. */
function isEqual(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
