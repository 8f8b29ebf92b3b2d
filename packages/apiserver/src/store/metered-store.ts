import type { MetricRegistry } from "@selvedge/base";
import type { Store } from "./store.ts";

/** The same store, counting what is written to it and how many follow its log. */
export function meteredStore(store: Store, metrics: MetricRegistry): Store {
  const writes = metrics.counter("apiserver_storage_writes_total", "Writes to the store.", ["outcome"]);
  let followers = 0;
  metrics.gauge("apiserver_storage_followers", "Watches that follow the store's log.", [], () => [
    [[], followers],
  ]);
  return {
    get: (key) => store.get(key),
    list: (prefix) => store.list(prefix),
    page: (query) => store.page(query),
    revision: () => store.revision(),
    hold: (revision) => store.hold(revision),
    close: () => store.close(),
    async write(key, expected, value) {
      try {
        const outcome = await store.write(key, expected, value);
        writes.add([outcome.type]);
        return outcome;
      } catch (error) {
        writes.add(["failed"]);
        throw error;
      }
    },
    subscribe(prefix, revision) {
      const subscription = store.subscribe(prefix, revision);
      followers++;
      let open = true;
      return {
        get revision() {
          return subscription.revision;
        },
        take: () => subscription.take(),
        wait: () => subscription.wait(),
        wake: () => subscription.wake(),
        close() {
          if (open) followers--;
          open = false;
          subscription.close();
        },
      };
    },
  };
}
