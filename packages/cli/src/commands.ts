import { demoCommand } from "./demo/demo-command.ts";
import { packCommand } from "./image/pack-command.ts";
import { pushCommand } from "./image/push-command.ts";
import type { Command } from "./io.ts";
import { programCommands } from "./program-commands.ts";
import { testCommand } from "./test/test-command.ts";
import { downCommand } from "./up/down-command.ts";
import { upCommand } from "./up/up-command.ts";

/** Every command, in the order the help shows them. */
export const commands: readonly Command[] = [
  upCommand,
  downCommand,
  demoCommand,
  testCommand,
  packCommand,
  pushCommand,
  ...programCommands,
];
