/** What the suite asks of a store as a whole: copies, and seals. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { EncryptedStore } from "../src/store/encrypted-store.ts";
import { Encryption, SealedValueError, sealedWith } from "../src/store/encryption.ts";
import { CompactedError, type Row, type Store } from "../src/store/store.ts";
import { news, plain, type WholeStore } from "./store-model.ts";

/** A copy is one state of the store, whatever is written beside it; filled in, revisions only go on. */
export async function copiesItself(store: WholeStore, other: WholeStore): Promise<void> {
  const put = async (to: Store, key: string, value: string): Promise<number> => {
    const outcome = await to.write(key, (await to.get(key))?.revision ?? 0, value);
    assert.ok(outcome.type === "written");
    return outcome.revision;
  };
  for (let n = 0; n < 1_200; n += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, index) => put(store, `g/k/${n + index}`, "before")));
  }
  let writes = true;
  const writing = (async () => {
    for (let n = 0; writes; n++) await put(store, `g/k/${n % 1_300}`, `while ${n}`);
  })();
  await using dump = await store.dump();
  const copied: Row[] = [];
  for await (const rows of dump.pages) {
    copied.push(...rows);
    // The copy takes its time, and the store goes on.
    await put(store, "g/k/slow", `${copied.length}`);
  }
  writes = false;
  await writing;
  assert.ok((await store.revision()) > dump.revision);
  const then = await store.page({ prefix: "", revision: dump.revision });
  assert.deepEqual(plain(copied), plain(then.rows));

  await put(other, "g/k/other", "was here");
  const watched = other.subscribe("", 1);
  const jump = dump.revision + 1_000;
  await other.load(chunks(copied), jump);
  assert.deepEqual(plain((await other.list("")).rows), plain(then.rows));
  assert.equal(await other.revision(), jump);
  assert.equal(await put(other, "g/k/new", "x"), jump + 1);
  await assert.rejects(other.page({ prefix: "", revision: 1 }), CompactedError);
  // Who watched from before must begin anew; who lists now goes on.
  await assert.rejects(async () => {
    for (;;) {
      await watched.take();
      await news(watched);
    }
  }, CompactedError);
  const after = other.subscribe("", jump);
  while (after.revision <= jump) {
    const taken = await after.take();
    if (taken.length > 0)
      assert.deepEqual(
        taken.map(({ key, revision }) => [key, revision]),
        [["g/k/new", jump + 1]],
      );
    else await news(after);
  }
  after.close();
  // Smaller revisions than it had are no way back.
  await other.load(chunks(copied), 5);
  assert.ok((await other.revision()) > jump);
  await store.close();
  await other.close();
}

async function* chunks(rows: readonly Row[]): AsyncGenerator<readonly Row[]> {
  for (let at = 0; at < rows.length; at += 300) yield rows.slice(at, at + 300);
}

const key = (id: string): { id: string; secret: Uint8Array } => ({ id, secret: randomBytes(32) });

/** Secrets are sealed where they lie, and nobody who reads or watches can tell. */
export async function sealsAndReseals(raw: WholeStore): Promise<void> {
  const [old, next] = [key("2025"), key("2026")];
  const open = (...keys: (typeof old)[]): EncryptedStore =>
    new EncryptedStore(raw, new Encryption(keys), ["/secrets/"]);
  // One from before anything was sealed.
  await raw.write("/secrets/d/oldest", 0, "canary 0");
  const first = open(old);
  await Promise.all(
    Array.from({ length: 250 }, (_, index) =>
      first.write(`/secrets/d/${index + 1}`, 0, `canary ${index + 1}`),
    ),
  );
  await first.write("/secrets/d/1", 2, "canary again");
  await first.write("/configmaps/d/1", 0, "plain");
  const revision = await raw.revision();
  assert.equal((await raw.get("/configmaps/d/1"))?.value, "plain");
  assert.equal(sealedWith((await raw.get("/secrets/d/7"))?.value ?? ""), "2025");

  const second = open(next, old);
  assert.ok((await second.reseal()) > 250);
  assert.equal(await second.reseal(), 0);
  assert.equal(await raw.revision(), revision, "no revision is used up");
  const { rows } = await raw.list("/secrets/");
  assert.equal(rows.length, 251);
  for (const { value } of rows) {
    assert.equal(sealedWith(value), "2026");
    assert.ok(!value.includes("canary") && !Buffer.from(value, "base64").includes("canary"));
  }
  // The old key is needed no more, not even by who watches from the beginning or lists the past.
  const third = open(next);
  assert.equal((await third.get("/secrets/d/oldest"))?.value, "canary 0");
  assert.equal(
    (await third.list("/secrets/")).rows.find((row) => row.key === "/secrets/d/1")?.value,
    "canary again",
  );
  const past = await third.page({ prefix: "/secrets/", revision: revision - 2 });
  assert.equal(past.rows.find((row) => row.key === "/secrets/d/1")?.value, "canary 1");
  const [one, two] = [third.subscribe("/secrets/d/1", 0), third.subscribe("/secrets/", 250)];
  await second.write("/secrets/d/2", 3, "canary new");
  while (two.revision <= revision) {
    for (const change of await two.take()) {
      if (change.key === "/secrets/d/2")
        assert.deepEqual([change.previous, change.value], ["canary 2", "canary new"]);
    }
    if (two.revision <= revision) await news(two);
  }
  one.close();
  two.close();

  // Nothing sealed can be put in another's place, changed, or opened without its key.
  const sealed = (await raw.get("/secrets/d/3"))?.value ?? "";
  await raw.write("/secrets/d/4", 5, sealed);
  await assert.rejects(third.get("/secrets/d/4"), SealedValueError);
  await assert.rejects(
    open(old).get("/secrets/d/3"),
    /\/secrets\/d\/3 is sealed with key 2026, which is not among/,
  );
  await raw.close();
}
