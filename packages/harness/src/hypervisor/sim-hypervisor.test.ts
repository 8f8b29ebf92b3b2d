import { hours, SeededRandom } from "@selvedge/base";
import { SimClock } from "../sim-clock.ts";
import { hypervisorConformance } from "./hypervisor.conformance.ts";
import { SimHypervisor } from "./sim-hypervisor.ts";

const image = "/state/root.sqfs";

hypervisorConformance("SimHypervisor", async () => {
  const clock = new SimClock();
  const hypervisor = new SimHypervisor({
    ...{ clock, random: new SeededRandom(1) },
    hasFile: (path) => path === image,
  });
  return {
    image,
    programs: {
      serves: ["serve"],
      stubborn: ["stubborn"],
      exits: (code) => ["exit", `${code}`, "0"],
      speaks: ["shout", "2"],
      command: ["false"],
    },
    engine: () => hypervisor.open(),
    crash: async (id) => hypervisor.machine(id)?.die(),
    async pass(work) {
      let over = false;
      const done = (): void => {
        over = true;
      };
      work.then(done, done);
      await clock.passUntil(() => over, hours(1));
      return await work;
    },
    async [Symbol.asyncDispose]() {},
  };
});
