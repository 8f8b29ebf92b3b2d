/**
 * A reporter for Node's test runner which tells only of what failed. A whole run prints thousands of lines, and
 * whoever reads its end should find there what to mend.
 */

import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";
import { checkout } from "../layout.ts";

/** Of one failure; a comparison of large values has thousands. */
const linesMax = 12;

// biome-ignore lint/style/noDefaultExport: the test runner asks a reporter for its default export.
export default async function* failures(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    if (event.type !== "test:fail") continue;
    const { details, name, file, line, todo } = event.data;
    const error = details.error as Error & { readonly failureType?: string };
    // What contains it fails because of it.
    if (error.failureType === "subtestsFailed" || todo !== undefined) continue;
    const { cause } = error;
    const text = cause instanceof Error ? `${cause.message}` : `${cause ?? error.message}`;
    const lines = text.split("\n");
    const place =
      file === undefined ? "" : ` (${relative(checkout, file)}${line === undefined ? "" : `:${line}`})`;
    yield [
      `✖ ${name}${place}`,
      ...lines.slice(0, linesMax).map((row) => `    ${row}`),
      ...(lines.length > linesMax ? [`    and ${lines.length - linesMax} lines more, above`] : []),
      "",
    ].join("\n");
  }
}
