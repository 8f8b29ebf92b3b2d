/** What machines keep besides their volumes: sealed from the beginning, or when an engine before left it in clear. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, open, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { OwnDisks } from "../src/app/qemu/own-disks.ts";
import type { AppId } from "../src/desired.ts";

const missing = ["/usr/bin/qemu-img", "/usr/sbin/mke2fs"].find((path) => !existsSync(path));
const id = "a" as AppId;
const secret = "c2VjcmV0";
const bytes = 64 * 2 ** 20;
const words = "what the app wrote";

it("a scratch disk that lay in clear is sealed before the machine starts with it, once", {
  skip: missing === undefined ? false : `${missing} is missing`,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "svo-"));
  try {
    const disks = new OwnDisks(folder);
    const before = await disks.scratch({ id, secret: undefined }, bytes);
    assert.deepEqual(before, { path: join(folder, "a.img"), secret: undefined });
    {
      await using file = await open(before.path, "r+");
      await file.write(Buffer.from(words), 0, words.length, 40 * 2 ** 20);
    }
    const sealed = await disks.scratch({ id, secret }, bytes);
    assert.deepEqual(sealed, { path: join(folder, "a.img.qcow2"), secret });
    assert.deepEqual(await readdir(folder), ["a.img.qcow2"]);
    const content = await readFile(sealed.path);
    assert.equal(content.includes(words), false);
    assert.deepEqual(await disks.scratch({ id, secret }, bytes), sealed);
    assert.ok((await readFile(sealed.path)).equals(content), "what is there is not made again");
    await disks.remove(id);
    assert.deepEqual(await readdir(folder), []);
  } finally {
    await rm(folder, { recursive: true });
  }
});
