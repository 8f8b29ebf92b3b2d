/** What whoever looks may do, as the API says: what is not allowed is not offered. */
import type { KubeObject } from "@selvedge/apimachinery";
import type { KindRef, Objects } from "@selvedge/client";
import { accessReviews } from "../kinds.ts";

interface Review extends KubeObject {
  spec: { resourceAttributes: Readonly<Record<string, string>> };
  status?: { allowed?: boolean };
}

/** Answers change with roles, seldom; a page that is open for a day asks anew when it is loaded anew. */
const answersMax = 500;

export class Access {
  readonly #objects: Objects;
  readonly #onAnswer: () => void;
  readonly #answers = new Map<string, boolean | "asked">();

  constructor(objects: Objects, onAnswer: () => void) {
    this.#objects = objects;
    this.#onAnswer = onAnswer;
  }

  /** False until the API has said yes. */
  may(verb: string, kind: KindRef, namespace?: string, subresource = ""): boolean {
    const key = [verb, kind.group, kind.plural, namespace, subresource].join(" ");
    const known = this.#answers.get(key);
    if (known !== undefined) return known === true;
    if (this.#answers.size >= answersMax) this.#answers.clear();
    this.#answers.set(key, "asked");
    this.ask(verb, kind, namespace, subresource).then(
      (allowed) => {
        this.#answers.set(key, allowed);
        if (allowed) this.#onAnswer();
      },
      // It is asked again with the next picture.
      () => void this.#answers.delete(key),
    );
    return false;
  }

  async ask(verb: string, kind: KindRef, namespace = "", subresource = ""): Promise<boolean> {
    const { group, plural } = kind;
    const review = await this.#objects.create<Review>(accessReviews, {
      ...{ apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview" },
      metadata: { name: "" },
      spec: { resourceAttributes: { verb, group, resource: plural, namespace, subresource } },
    });
    return review.status?.allowed === true;
  }
}
