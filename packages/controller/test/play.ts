import { setImmediate, setTimeout } from "node:timers/promises";
import type { ObjectWorld } from "./object-world.ts";

/**
 * Nodes act and the clock goes on as fast as the real one while a real program waits for them; ended by calling what is
 * returned.
 */
export function play(world: ObjectWorld): () => Promise<void> {
  let over = false;
  const playing = (async () => {
    let at = performance.now();
    while (!over) {
      for (const node of world.nodes.values()) await node.act();
      // A busy machine comes around seldom; a step fires one timer and says what is left.
      let left = Math.trunc(performance.now() - at);
      at += left;
      while (left > 0) {
        left = world.clock.step(left);
        await setImmediate();
      }
      await setTimeout(20);
    }
  })();
  return () => {
    over = true;
    return playing;
  };
}
