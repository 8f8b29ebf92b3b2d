/** What PUT does: an object in place of another, or, of some kinds, of none. */
import type { KubeObject } from "@selvedge/apimachinery";
import type { KindName } from "./kind-names.ts";
import type { ObjectRegistry } from "./object-registry.ts";
import { checkUid, isAbsent, isTaken } from "./refusals.ts";
import { checkSeen } from "./revision-text.ts";
import type { WriteQuery, Written } from "./write-query.ts";

/** How often it may come and go meanwhile. */
const attemptsMax = 8;

export async function replaceOrMake(
  objects: ObjectRegistry,
  kind: KindName,
  object: KubeObject,
  options: WriteQuery,
): Promise<Written> {
  const makes = objects.table.served(kind).createsOnUpdate === true && options.subresource === undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      return { object: await objects.update(kind, object, options), created: false };
    } catch (error) {
      const isMade = makes && attempt < attemptsMax && isAbsent(error, kind, object.metadata.name);
      if (!isMade) throw error;
    }
    checkUid(kind, object, "");
    checkSeen(object);
    try {
      return { object: await objects.create(kind, object, options), created: true };
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }
}
