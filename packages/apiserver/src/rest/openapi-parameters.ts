/** What the operations of OpenAPI can be asked besides a body. */

export interface Parameter {
  readonly name: string;
  readonly in: "query" | "path";
  readonly description: string;
  readonly required?: true;
  readonly schema: object;
}

const query = (name: string, type: string, description: string): Parameter => ({
  ...{ name, in: "query", description },
  schema: { type, uniqueItems: true },
});

export function pathParameter(name: string, description: string): Parameter {
  return { name, in: "path", description, required: true, schema: { type: "string", uniqueItems: true } };
}

const resourceVersion = query("resourceVersion", "string", "The revision to read at, or to start from.");
export const readParameters: readonly Parameter[] = [resourceVersion];
export const pretty: Parameter = query(
  "pretty",
  "string",
  "true: written for people, with line breaks and indents.",
);
export const namespaceParameter: Parameter = pathParameter(
  "namespace",
  "The namespace of what is asked for.",
);
export const proxiedPath: Parameter = pathParameter("path", "The path that is passed on.");

const selecting = [
  query("continue", "string", "Where an earlier page of the list ended."),
  query("fieldSelector", "string", "Only objects whose fields are as said."),
  query("labelSelector", "string", "Limits the list of returned objects to those whose labels are as said."),
  query("limit", "integer", "At most so many objects in one answer."),
  resourceVersion,
  query("resourceVersionMatch", "string", "How resourceVersion is meant: Exact or NotOlderThan."),
  query("sendInitialEvents", "boolean", "Whether a watch begins with what is there."),
  query("timeoutSeconds", "integer", "When a list or a watch ends."),
];
export const listParameters: readonly Parameter[] = [
  query("allowWatchBookmarks", "boolean", "Whether a watch may send bookmarks."),
  ...selecting,
  query("watch", "boolean", "Watch for changes to the described resources instead of listing them."),
];

const dryRun = query("dryRun", "string", "All: say what would happen, and change nothing.");
export const writeParameters: readonly Parameter[] = [
  dryRun,
  query("fieldManager", "string", "Who writes, for managedFields."),
  query(
    "fieldValidation",
    "string",
    "What to do about unknown and duplicate fields: Ignore, Warn or Strict.",
  ),
];
export const patchParameters: readonly Parameter[] = [
  ...writeParameters,
  query("force", "boolean", "Apply: take over what others manage."),
];
export const deleteParameters: readonly Parameter[] = [
  dryRun,
  query("gracePeriodSeconds", "integer", "How long the object may take to end."),
  query(
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "boolean",
    "Delete what can no longer be read, whatever it holds.",
  ),
  query("orphanDependents", "boolean", "Deprecated: use propagationPolicy."),
  query("propagationPolicy", "string", "What becomes of dependents: Orphan, Background or Foreground."),
];
export const deleteAllParameters: readonly Parameter[] = [...deleteParameters, ...selecting];

const container = query("container", "string", "Which of the Pod's containers; its only one when not said.");
const streams = [
  query("stderr", "boolean", "Whether to be sent what it writes to stderr."),
  query("stdin", "boolean", "Whether to send it what it reads from stdin."),
  query("stdout", "boolean", "Whether to be sent what it writes to stdout."),
  query("tty", "boolean", "Whether it has a terminal."),
];
const proxied = [query("path", "string", "The path and query that are passed on.")];

/** Of parts of objects that are streams, or texts, by their names. */
export const streamParameters: Readonly<Record<string, readonly Parameter[]>> = {
  attach: [container, ...streams],
  exec: [
    query("command", "string", "The program and its arguments; no shell reads them."),
    container,
    ...streams,
  ],
  log: [
    container,
    query("follow", "boolean", "Whether to go on as lines are written."),
    query("insecureSkipTLSVerifyBackend", "boolean", "Whether any certificate of the node's will do."),
    query("limitBytes", "integer", "At most so many bytes."),
    pretty,
    query("previous", "boolean", "Of the container that ran before."),
    query("sinceSeconds", "integer", "Lines of the last so many seconds."),
    query("stream", "string", "All, Stdout or Stderr."),
    query("tailLines", "integer", "The last so many lines."),
    query("timestamps", "boolean", "Whether each line begins with its time."),
  ],
  portforward: [query("ports", "integer", "The ports, where it is a WebSocket.")],
  proxy: proxied,
};
