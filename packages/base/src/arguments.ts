/** What node:util's parseArgs says of arguments, and what tells the right ones; undefined for any other error. */
export function argumentFault(error: unknown, command: string): string | undefined {
  if (!(error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS")))
    return undefined;
  // Behind the first sentence stands how to give an argument that begins with a dash, which hardly anybody meant.
  const [fault] = error.message.split(/\. |\.?\n/);
  return `${fault}; ./selvedge ${command} --help tells what there is`;
}
