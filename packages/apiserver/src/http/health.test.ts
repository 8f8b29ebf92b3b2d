import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, it } from "node:test";
import { type Clock, instant, type Millis, millis } from "@selvedge/base";
import { Health } from "./health.ts";

class StepClock implements Clock {
  readonly timers = new Set<() => void>();
  time = 0;
  now = () => instant(this.time);
  monotonic = () => millis(this.time);
  setTimer = (_span: Millis, fire: () => void) => {
    this.timers.add(fire);
    return { cancel: () => this.timers.delete(fire) };
  };
}

/** What is answered, as `CODE TEXT`; undefined: it was not its path. */
async function ask(health: Health, url: string): Promise<string | undefined> {
  const { pathname, searchParams } = new URL(url, "https://server");
  let [code, text] = [0, ""];
  const response = {
    writeHead: (status: number) => (code = status),
    end: (body: string) => (text = body),
  } as unknown as ServerResponse;
  return (await health.serve(pathname, searchParams, response)) ? `${code} ${text}` : undefined;
}

const gone = (): Promise<never> => Promise.reject(new Error("connection refused"));
const there = (): Promise<number> => Promise.resolve(1);

describe("whether the server is well", () => {
  const rows: readonly (readonly [store: () => Promise<unknown>, url: string, said: string | undefined])[] = [
    [there, "/livez", "200 ok"],
    [there, "/readyz", "200 ok"],
    [there, "/healthz", "200 ok"],
    [there, "/readyz?verbose", "200 [+]ping ok\n[+]store ok\nreadyz check passed\n"],
    [there, "/livez?verbose=", "200 [+]ping ok\nlivez check passed\n"],
    [there, "/readyz/store", "200 ok"],
    [there, "/livez/store", undefined],
    [there, "/readyz/nope", undefined],
    [there, "/readyz/store/more", undefined],
    [there, "/ready", undefined],
    [gone, "/livez", "200 ok"],
    [gone, "/readyz/ping", "200 ok"],
    [gone, "/readyz/store", "500 internal server error: store failed"],
    [gone, "/readyz", "500 [+]ping ok\n[-]store failed: reason withheld\nreadyz check failed\n"],
    [gone, "/healthz", "500 [+]ping ok\n[-]store failed: reason withheld\nhealthz check failed\n"],
    [gone, "/readyz?exclude=store", "200 ok"],
    [
      gone,
      "/readyz?exclude=store&exclude=etcd&verbose",
      "200 [+]ping ok\n[+]store excluded: ok\nwarn: some health checks cannot be excluded: no matches for " +
        '"etcd"\nreadyz check passed\n',
    ],
  ];
  for (const [readStore, url, said] of rows)
    it(`${url}, the store ${readStore === there ? "there" : "gone"}`, async () => {
      assert.equal(await ask(new Health({ clock: new StepClock(), readStore }), url), said);
    });

  it("waits for no store that does not answer", async () => {
    const clock = new StepClock();
    const health = new Health({ clock, readStore: () => new Promise(() => undefined) });
    const said = ask(health, "/readyz/store");
    for (const fire of clock.timers) fire();
    assert.equal(await said, "500 internal server error: store failed");
  });

  it("asks the store once, however many want to know, and again when time has passed", async () => {
    const clock = new StepClock();
    let times = 0;
    const health = new Health({ clock, readStore: async () => ++times });
    await Promise.all(Array.from({ length: 100 }, () => ask(health, "/readyz")));
    assert.equal(times, 1);
    clock.time += 501;
    await ask(health, "/readyz");
    assert.equal(times, 2);
  });
});
