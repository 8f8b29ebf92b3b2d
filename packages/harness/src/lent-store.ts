import type { Store, Subscription } from "@selvedge/apiserver";
import { type Life, never } from "./life.ts";

/**
 * The store of a controller, for one life of it. The store goes on when the controller dies, and with it whoever
 * follows it: they would hear of every change for ever, each with all that the dead controller knew.
 */
export function lendStore<T extends Store>(life: Life, store: T): T {
  const lent = life.lend(store);
  const subscribe: Store["subscribe"] = (prefix, revision) => follow(life, store.subscribe(prefix, revision));
  return new Proxy(store, {
    get: (_store, key) => (key === "subscribe" ? subscribe : Reflect.get(lent, key)),
  });
}

function follow(life: Life, place: Subscription): Subscription {
  const closed = life.onEnd(() => place.close());
  const alive = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work;
    return life.isAlive ? result : await never();
  };
  return {
    get revision() {
      return place.revision;
    },
    take: () => alive(place.take()),
    wait: () => alive(place.wait()),
    wake: () => place.wake(),
    close: () => {
      closed();
      place.close();
    },
  };
}
