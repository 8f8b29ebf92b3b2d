/** A disk in a file: its table by sfdisk, its partitions written where the table has them. */
import { open, truncate } from "node:fs/promises";
import { type DiskPlan, type Partition, sectorBytes, sfdiskScript } from "../plan/disk-plan.ts";
import { type Call, ProgramError, run } from "./programs.ts";

export async function makeDisk(path: string, plan: DiskPlan, call: Call): Promise<void> {
  await (await open(path, "w", 0o644)).close();
  await truncate(path, plan.bytes);
  await run("sfdisk", ["--quiet", path], { ...call, input: sfdiskScript(plan) });
}

/** As the disk has it, whoever made it. */
export async function readTable(path: string, call: Call): Promise<readonly Partition[]> {
  return parseTable(await run("sfdisk", ["--json", path], call));
}

/** What `sfdisk --json` says. Partitions without a name are nobody's we know. */
function parseTable(json: string): readonly Partition[] {
  const { partitiontable } = JSON.parse(json) as {
    partitiontable?: { label?: string; partitions?: readonly Record<string, unknown>[] };
  };
  if (partitiontable?.label !== "gpt") throw new ProgramError("the disk has no GPT");
  return (partitiontable.partitions ?? []).flatMap((row): Partition[] => {
    const { name, type, uuid, start, size, attrs = "" } = row;
    if (typeof name !== "string" || typeof start !== "number" || typeof size !== "number") return [];
    return [
      {
        ...{ label: name, type: String(type), uuid: String(uuid), attributes: String(attrs) },
        ...{ firstSector: start, sectors: size },
      },
    ];
  });
}

const blockBytes = 2 ** 20;

/** Zeros are not written where the file has none yet: it stays as small as what is in it. */
export async function writePartition(
  disk: string,
  partition: Partition,
  source: string,
  { signal }: Call,
): Promise<void> {
  await using from = await open(source, "r");
  await using to = await open(disk, "r+");
  const { size } = await from.stat();
  const room = partition.sectors * sectorBytes;
  if (size > room) {
    const needed = Math.ceil(size / blockBytes);
    throw new ProgramError(`${partition.label}: ${needed} MiB do not fit into ${room / blockBytes} MiB`);
  }
  const block = Buffer.alloc(blockBytes);
  const before = Buffer.alloc(blockBytes);
  for (let at = 0; at < size; ) {
    signal.throwIfAborted();
    const { bytesRead } = await from.read(block, 0, blockBytes, at);
    if (bytesRead === 0) break;
    const position = partition.firstSector * sectorBytes + at;
    const there = await to.read(before, 0, bytesRead, position);
    const part = block.subarray(0, bytesRead);
    if (there.bytesRead !== bytesRead || !before.subarray(0, bytesRead).equals(part))
      await to.write(part, 0, bytesRead, position);
    at += bytesRead;
  }
}
