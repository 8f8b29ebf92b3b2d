/** Versions of a user's kind, turned into each other by whoever the definition names. */
import type { KubeObject } from "@selvedge/apimachinery";
import { describeError, millis } from "@selvedge/base";
import type { HookClient } from "../admission/webhook/hook-client.ts";
import { StatusError } from "../status-error.ts";
import { acceptedObject, ConversionError, conversionReview, convertedIn } from "./conversion-review.ts";
import type { Conversion } from "./custom-kind.ts";
import type { CustomResourceDefinition } from "./definition.ts";

/** Upstream's. */
const timeout = millis(30_000);
/** Of objects in one question, unless one alone is larger; an answer may have grown. */
const [batchMax, answerMax] = [3 * 1024 * 1024, 12 * 1024 * 1024];

/** Undefined: versions of this kind differ in nothing but their schemas. */
export function conversionOf(
  { spec: { conversion } }: CustomResourceDefinition,
  client: HookClient,
  uid: () => string,
): Conversion | undefined {
  const { clientConfig: target, conversionReviewVersions: versions = [] } = conversion?.webhook ?? {};
  if (conversion?.strategy !== "Webhook" || target === undefined) return undefined;
  const ask = async (objects: readonly KubeObject[], apiVersion: string): Promise<KubeObject[]> => {
    const id = uid();
    const body = conversionReview(versions, id, objects, apiVersion);
    const answer = await client.ask({ target, body, timeout, max: answerMax, isTold: false });
    const converted = convertedIn(answer, body.apiVersion, id);
    if (converted.length !== objects.length) {
      const counts = `${converted.length} objects, expected ${objects.length}`;
      throw new WrongAnswer(`returned ${counts}`);
    }
    return objects.map((object, index) => {
      try {
        return acceptedObject(object, converted[index], apiVersion);
      } catch (error) {
        if (!(error instanceof ConversionError)) throw error;
        throw new WrongAnswer(`returned invalid converted object at index ${index}: ${error.message}`);
      }
    });
  };
  return async (objects, apiVersion) => {
    const made: KubeObject[] = [];
    try {
      for (const batch of batchesOf(objects)) made.push(...(await ask(batch, apiVersion)));
    } catch (error) {
      const [first] = objects;
      const who = `conversion webhook for ${first?.apiVersion}, Kind=${first?.kind}`;
      const what = error instanceof WrongAnswer ? error.message : `failed: ${describeError(error)}`;
      throw new StatusError(500, "", `${who} ${what}`, undefined, { cause: error });
    }
    return made;
  };
}

/** What it returned cannot be used. */
class WrongAnswer extends Error {
  override name = "WrongAnswer";
}

function batchesOf(objects: readonly KubeObject[]): KubeObject[][] {
  const batches: KubeObject[][] = [];
  let left = 0;
  for (const object of objects) {
    const weight = JSON.stringify(object).length;
    if (weight > left || batches.length === 0) {
      batches.push([]);
      left = batchMax;
    }
    batches.at(-1)?.push(object);
    left -= weight;
  }
  return batches;
}
