/** What every Disk must do; called from the test of each implementation. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Disk } from "@selvedge/engine";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (content: Uint8Array | undefined): string | undefined =>
  content === undefined ? undefined : new TextDecoder().decode(content);

export function diskConformance(name: string, open: () => Promise<Disk & Partial<AsyncDisposable>>): void {
  describe(`${name} as a Disk`, () => {
    for (const [rule, check] of rules) {
      it(rule, async () => {
        const disk = await open();
        try {
          await check(disk);
        } finally {
          await disk[Symbol.asyncDispose]?.();
        }
      });
    }
  });
}

const rules: readonly (readonly [string, (disk: Disk) => Promise<void>])[] = [
  [
    "answers undefined for what is not there",
    async (disk) => {
      assert.equal(await disk.read("a/b"), undefined);
      assert.equal(await disk.size("a/b"), undefined);
      assert.deepEqual(await disk.list("a"), []);
    },
  ],
  [
    "replaces a file whole",
    async (disk) => {
      await disk.writeDurable("a/b", bytes("a long first content"));
      await disk.writeDurable("a/b", bytes("second"));
      assert.equal(textOf(await disk.read("a/b")), "second");
      assert.equal(await disk.size("a/b"), 6);
      assert.deepEqual(await disk.list("a"), ["b"]);
    },
  ],
  [
    "takes writes of one file at once, and keeps the one that was asked for last, whole",
    async (disk) => {
      const contents = Array.from({ length: 8 }, (_, index) => "x".repeat(40_000 * (8 - index)));
      await Promise.all(contents.map((content) => disk.writeDurable("a/b", bytes(content))));
      assert.equal(textOf(await disk.read("a/b")), contents.at(-1));
      assert.deepEqual(await disk.list("a"), ["b"]);
    },
  ],
  [
    "takes an empty file for a file",
    async (disk) => {
      await disk.writeDurable("a/keep", new Uint8Array());
      assert.equal(await disk.size("a/keep"), 0);
    },
  ],
  [
    "appends in order, creating the file and its folders",
    async (disk) => {
      await disk.append("x/y/log", bytes("one "));
      await disk.append("x/y/log", bytes("two"));
      await disk.sync("x/y/log");
      assert.equal(textOf(await disk.read("x/y/log")), "one two");
    },
  ],
  [
    "appends to what was written durably",
    async (disk) => {
      await disk.writeDurable("f", bytes("head "));
      await disk.append("f", bytes("tail"));
      assert.equal(textOf(await disk.read("f")), "head tail");
    },
  ],
  [
    "renames over what is there, into folders that are not",
    async (disk) => {
      await disk.writeDurable("new", bytes("new"));
      await disk.writeDurable("old/file", bytes("old"));
      await disk.rename("new", "old/file");
      assert.equal(textOf(await disk.read("old/file")), "new");
      assert.equal(await disk.size("new"), undefined);
      await disk.rename("old/file", "other/deep/file");
      assert.equal(textOf(await disk.read("other/deep/file")), "new");
    },
  ],
  [
    "refuses to sync or rename what is not there",
    async (disk) => {
      await assert.rejects(disk.sync("nothing"));
      await assert.rejects(disk.rename("nothing", "something"));
    },
  ],
  [
    "removes folders with all they hold, and what is not there without complaint",
    async (disk) => {
      await disk.writeDurable("a/b/c", bytes("c"));
      await disk.writeDurable("a/d", bytes("d"));
      await disk.writeDurable("ab", bytes("stays"));
      await disk.remove("a");
      await disk.remove("never");
      assert.deepEqual(await disk.list("a"), []);
      assert.equal(textOf(await disk.read("ab")), "stays");
    },
  ],
  [
    "lists files and folders of one level once each",
    async (disk) => {
      await disk.writeDurable("a/b/c", bytes("1"));
      await disk.writeDurable("a/b/d", bytes("2"));
      await disk.writeDurable("a/e", bytes("3"));
      assert.deepEqual((await disk.list("a")).sort(), ["b", "e"]);
    },
  ],
  [
    "hands out bytes that nobody else holds",
    async (disk) => {
      const content = bytes("content");
      await disk.writeDurable("f", content);
      content.fill(0);
      (await disk.read("f"))?.fill(0);
      assert.equal(textOf(await disk.read("f")), "content");
    },
  ],
  [
    "says how much room there is",
    async (disk) => {
      const { bytes: free, totalBytes } = await disk.free();
      assert.ok(free > 0 && free <= totalBytes);
      assert.ok(disk.absolute("a/b").endsWith("/a/b"));
    },
  ],
];
