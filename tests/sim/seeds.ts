/**
 * Runs a scenario in many worlds. A failure names its seed; SELVEDGE_SEED runs one alone, SELVEDGE_SEEDS
 * sets how many there are.
 */
import { it } from "node:test";
import { World, type WorldOptions } from "../../packages/harness/src/index.ts";

const one = process.env["SELVEDGE_SEED"];
const seedCount = Number(process.env["SELVEDGE_SEEDS"] ?? 200);

export function inWorlds(
  what: string,
  scenario: (world: World) => Promise<void>,
  options: WorldOptions & { readonly seeds?: number } = {},
): void {
  const count = Math.min(options.seeds ?? seedCount, seedCount);
  const seeds = one === undefined ? Array.from({ length: count }, (_, index) => index + 1) : [Number(one)];
  it(`${what} (${seeds.length} seeds)`, async () => {
    for (const seed of seeds) {
      try {
        await using world = await World.make(seed, options);
        await scenario(world);
      } catch (error) {
        throw new Error(`seed ${seed} of "${what}"; run it alone with SELVEDGE_SEED=${seed}`, {
          cause: error,
        });
      }
    }
  });
}
