import type { KubeList, KubeObject, WatchEvent } from "@selvedge/apimachinery";
import {
  HttpObjects,
  type HttpTransport,
  type KindRef,
  type ListOptions,
  type WatchOptions,
} from "@selvedge/client";

/**
 * Objects of which only a part is kept, each as it arrives: of ten thousand nodes with their apps the whole
 * would be half a gigabyte of a browser, and a list shows a dozen words of each.
 */
export class SlimObjects extends HttpObjects {
  readonly #slim: (object: KubeObject) => KubeObject;

  constructor(transport: HttpTransport, slim: (object: KubeObject) => KubeObject) {
    super(transport);
    this.#slim = slim;
  }

  override async list<T extends KubeObject>(kind: KindRef, options?: ListOptions): Promise<KubeList<T>> {
    const list = await super.list<T>(kind, options);
    return { ...list, items: list.items.map((item) => this.#slim(item) as T) };
  }

  override async *watch<T extends KubeObject>(
    kind: KindRef,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    for await (const event of super.watch<T>(kind, options)) {
      const isObject = event.type !== "BOOKMARK" && event.type !== "ERROR";
      yield isObject ? { ...event, object: this.#slim(event.object) as T } : event;
    }
  }
}
