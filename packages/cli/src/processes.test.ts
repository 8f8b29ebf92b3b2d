import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { runInherited } from "./processes.ts";

describe("a program with our own terminal", { timeout: 60_000 }, () => {
  it("tells how it ended", async () => {
    assert.equal(await runInherited("sh", ["-c", "exit 3"]), 3);
    assert.equal(await runInherited("sh", ["-c", "kill -INT $$"]), 130);
  });

  it("stands back behind everybody else, when it is to", async ({ signal }) => {
    const last = (of: string): string => `until ${of}; do sleep 0.01; done`;
    const [own, session] = [
      '[ "$(cut -d " " -f 19 /proc/$$/stat)" = 19 ]',
      "grep -q 'nice 19' /proc/$$/autogroup",
    ];
    const looks = [own, ...(existsSync("/proc/self/autogroup") ? [session] : [])].map(last).join("; ");
    assert.equal(await runInherited("sh", ["-c", looks], { aside: true, signal }), 0);
  });

  it("ends when we are to stop, and no further one begins", async () => {
    const folder = mkdtempSync(join(tmpdir(), "selvedge-processes-"));
    try {
      const stop = new AbortController();
      const { signal } = stop;
      const running = runInherited("sleep", ["600"], { signal });
      stop.abort(new Error("stopped"));
      assert.equal(await running, 143);
      await assert.rejects(runInherited("touch", ["begun"], { cwd: folder, signal }), /stopped/);
      assert.equal(existsSync(join(folder, "begun")), false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
