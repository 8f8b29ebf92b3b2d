import { existsSync } from "node:fs";
import { type Command, UsageError } from "./io.ts";
import { harnessMain, nodeBinary, programMain } from "./layout.ts";
import { runInherited } from "./processes.ts";

/** A command that is another program of ours: it gets the arguments and the terminal as they are. */
function program(name: string, summary: string, main: string, options: readonly string[] = []): Command {
  return {
    name,
    summary,
    async run(args, _io, signal) {
      if (!existsSync(main)) throw new UsageError(`this checkout does not hold the ${name} program`);
      return await runInherited(nodeBinary, [...options, main, ...args], { signal });
    },
  };
}

/** Node strips types for the page's browser, too, and says each time that it is new to that. */
const quietly = ["--disable-warning=ExperimentalWarning"];

export const programCommands: readonly Command[] = [
  program("controller", "run a controller", programMain("controller")),
  program("engine", "run a node's engine", programMain("engine")),
  program("os", "build the bootable image, or run it in QEMU", programMain("os")),
  program("console", "show the fleet in a web browser", programMain("console"), quietly),
  program("sim", "run many simulated nodes against a controller", harnessMain("sim")),
  program("bench", "measure; bench --list names what", harnessMain("bench")),
];
