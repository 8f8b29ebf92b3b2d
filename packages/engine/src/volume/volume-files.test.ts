import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Log, type LogRecord, SystemClock } from "@selvedge/base";
import { FolderDisk } from "../../test/folder-disk.ts";
import type { VolumeKey } from "../desired.ts";
import { VolumeFiles } from "./volume-files.ts";

const key = "103f1918-0576-822b-b5c4-4fff0f2d1daa#0" as VolumeKey;
const image = `${key}.img`;
const record = `${key}.json`;

/** Fails the first time an image is looked at. */
class FailingDisk extends FolderDisk {
  #failed = false;

  override async size(path: string): Promise<number | undefined> {
    if (this.#failed || !path.endsWith(".img")) return await super.size(path);
    this.#failed = true;
    throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
  }
}

describe("the volumes folder at a start", () => {
  const rows: readonly (readonly [
    what: string,
    record: string,
    left: string[],
    known: number,
    told: number,
  ])[] = [
    ["has what its record says", JSON.stringify({ key, sizeBytes: 4 }), [image, record], 1, 0],
    ["sets aside what a torn record spoke of, and says so", '{"key":', [`${image}.unreadable`, record], 0, 1],
  ];
  for (const [what, content, left, known, told] of rows)
    it(what, async () => {
      await using folder = await volumesFolder(content);
      const log: LogRecord[] = [];
      const found = await new VolumeFiles(new FolderDisk(folder.path), logTo(log)).load();
      assert.equal(found.length, known);
      assert.deepEqual(await folder.names(), left);
      assert.equal(log.length, told);
    });

  it("touches nothing when the disk fails for a moment", async () => {
    await using folder = await volumesFolder(JSON.stringify({ key, sizeBytes: 4 }));
    await assert.rejects(
      new VolumeFiles(new FailingDisk(folder.path), logTo([])).load(),
      /too many open files/,
    );
    assert.deepEqual(await folder.names(), [image, record]);
  });
});

function logTo(records: LogRecord[]): Log {
  return new Log("volume", new SystemClock(), (it) => void records.push(it));
}

async function volumesFolder(
  content: string,
): Promise<{ path: string; names: () => Promise<string[]> } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "selvedge-volumes-"));
  const disk = new FolderDisk(path);
  await disk.writeDurable(`volumes/${record}`, new TextEncoder().encode(content));
  await writeFile(join(path, "volumes", image), "data");
  return {
    path,
    names: async () => (await readdir(join(path, "volumes"))).sort(),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  };
}
