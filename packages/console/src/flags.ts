import { parseArgs } from "node:util";

/** What the console is told on its command line. */
export interface Flags {
  /** Undefined: where the environment or a local system has it. */
  readonly kubeconfig: string | undefined;
  /** 0: any that is free. */
  readonly port: number;
}

/** The user can mend this: it is printed without a stack. */
export class FlagError extends Error {
  override name = "FlagError";
}

const portDefault = "8010";
const portMax = 65_535;

export const usage: string = `Usage: ./selvedge console [--kubeconfig FILE] [--port P]

Shows the fleet in a web browser on this machine. It serves the page on 127.0.0.1 and passes the page's requests to
the Kubernetes API with the kubeconfig's credentials, so whoever has the page may do what that kubeconfig may. The
address it prints works once, in one browser; for another browser it prints the next.

  --kubeconfig FILE  whose current context is used
                     (default: $KUBECONFIG, or else ~/.selvedge/kubeconfig, which ./selvedge up makes)
  --port P           where the page is (default ${portDefault}; 0 takes any that is free)
  --help             this text

It keeps nothing: Ctrl-C ends it, and every page it opened is of no use then.
`;

/** Parses the arguments after the program's name; "help" when that is all that was asked. */
export function parseFlags(args: readonly string[]): Flags | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kubeconfig: { type: "string" },
      port: { type: "string", default: portDefault },
      yes: { type: "boolean", short: "y" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return "help";
  const port = Number(values.port);
  if (!/^\d{1,5}$/.test(values.port) || port > portMax) {
    throw new FlagError(`--port: ${JSON.stringify(values.port)} is not one of 0 to ${portMax}`);
  }
  if (values.kubeconfig === "") throw new FlagError("--kubeconfig: names no file");
  return { kubeconfig: values.kubeconfig, port };
}
