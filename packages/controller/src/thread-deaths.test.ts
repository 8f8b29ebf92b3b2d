import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ThreadDiedError } from "@selvedge/apiserver";
import { formatMetrics, Log, type LogRecord, minutes } from "@selvedge/base";
import { ManualClock } from "../test/manual-clock.ts";
import { ThreadDeaths, ThreadsDyingError } from "./thread-deaths.ts";

test("threads that die are told of and counted, and five within a minute are too many", () => {
  const clock = new ManualClock();
  const told: LogRecord[] = [];
  const deaths = new ThreadDeaths({ clock, log: new Log("threads", clock, (record) => told.push(record)) });
  const die = (name: string): void => deaths.of(name).onDeath?.(new ThreadDiedError("it ended"));
  for (const name of ["store", "records", "store", "store"]) die(name);
  clock.step(minutes(1));
  for (let more = 0; more < 4; more++) die("store");
  assert.equal(told.length, 8);
  assert.match(formatMetrics(deaths.metrics.families()), /thread_deaths_total\{thread="store"\} 7\n/);
  assert.throws(() => die("records"), ThreadsDyingError);
});

test("a process whose threads die and die ends, and says why", () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-threads-"));
  const script = `
    import { Worker } from "node:worker_threads";
    import { SqliteStore } from "@selvedge/apiserver";
    import { Log, SystemClock } from "@selvedge/base";
    import { ThreadDeaths } from ${JSON.stringify(new URL("./thread-deaths.ts", import.meta.url).href)};
    const clock = new SystemClock();
    const deaths = new ThreadDeaths({ clock, log: new Log("threads", clock, () => {}) });
    const begin = () => new Worker("throw new Error('the disk is gone')", { eval: true });
    const store = new SqliteStore(process.argv[1], "", 10, { begin, ...deaths.of("store") });
    for (;;) await store.write("a", 0, "b").catch(() => process.stdout.write("refused\\n"));`;
  const args = ["--input-type=module", "-e", script, join(folder, "store.db")];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    cwd: import.meta.dirname,
  });
  assert.notEqual(status, 0);
  assert.equal(stdout, "refused\nrefused\n");
  assert.match(
    stderr,
    /ThreadsDyingError: 5 threads .* within a minute, the last one: .* the disk is gone; look at/,
  );
  rmSync(folder, { recursive: true });
});
