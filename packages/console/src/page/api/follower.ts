import type { KubeObject } from "@selvedge/apimachinery";
import { type ChangeListener, Informer, type InformerOptions, type KindRef } from "@selvedge/client";
import type { Page } from "../page.ts";

export type Followed<T> =
  | { readonly is: "loading" }
  | { readonly is: "forbidden" }
  | { readonly is: "known"; readonly items: readonly T[] };

type Selection = Pick<InformerOptions<KubeObject>, "namespace" | "fieldSelector">;

/**
 * Some objects of one kind, followed for a view as long as it is looked at. After the API was away they are
 * asked for anew at once, and what was known is shown until there is an answer.
 */
export class Follower<T extends KubeObject> implements AsyncDisposable {
  readonly #page: Page;
  readonly #kind: KindRef;
  readonly #selection: Selection;
  #informer: Informer<T> | undefined;
  #followed: Followed<T> = { is: "loading" };
  #isOver = false;

  constructor(page: Page, kind: KindRef, selection: Selection) {
    this.#page = page;
    this.#kind = kind;
    this.#selection = selection;
    this.revive();
  }

  get followed(): Followed<T> {
    return this.#followed;
  }

  get items(): readonly T[] {
    return this.#followed.is === "known" ? this.#followed.items : [];
  }

  revive(): void {
    this.#start().catch((error: unknown) => {
      this.#page.log.warn("cannot follow", { kind: this.#kind.plural, error });
    });
  }

  async #start(): Promise<void> {
    const { access, objects, clock, random, log, paint } = this.#page;
    const { namespace } = this.#selection;
    const may = await Promise.all(["list", "watch"].map((verb) => access.ask(verb, this.#kind, namespace)));
    if (this.#isOver) return;
    if (may.includes(false)) {
      this.#followed = { is: "forbidden" };
      paint();
      return;
    }
    const before = this.#informer;
    const informer = new Informer<T>({
      ...{ objects, kind: this.#kind, clock, random, log },
      ...this.#selection,
    });
    this.#informer = informer;
    informer.start();
    await informer.synced;
    await before?.[Symbol.asyncDispose]();
    const changed: ChangeListener<T> = () => {
      this.#followed = { is: "known", items: informer.list() };
      paint();
    };
    informer.onChange(changed);
    changed(undefined, undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#informer?.[Symbol.asyncDispose]();
  }
}
