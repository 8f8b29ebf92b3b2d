/** How a node's talk with its controller fares: requests, its log, its flows. */
import type { metrics } from "@selvedge/eve-api";
import { each, type Figure, figuresOf, nameOf, one, type Reading, ways } from "./figure.ts";
import { type NodeWords, portsMax } from "./node-figures.ts";

const node = figuresOf<NodeWords>("node");
/** URLs a node may tell of for one port: it has one for each app's log. */
const urlsMax = 512;

const requests: readonly Figure<NodeWords>[] = [
  node("requests_total", "A node's requests, by port and outcome.", ["port", "outcome"], ({ device }) =>
    each(device.zedcloud, portsMax, (it) => [
      [[nameOf(it.ifName), "success"], Number(it.success)],
      [[nameOf(it.ifName), "failure"], Number(it.failures)],
      [[nameOf(it.ifName), "unverified"], Number(it.authVerifyFailure)],
    ]),
  ),
  node(
    "request_messages_total",
    "Requests of a node that went out, and answers, by what was asked.",
    ["port", "endpoint", "direction"],
    (of) => byEndpoint(of, (it) => [it.recvMsgCount, it.sentMsgCount]),
  ),
  node(
    "request_bytes_total",
    "What a node said and what it was answered, by what was asked.",
    ["port", "endpoint", "direction"],
    (of) => byEndpoint(of, (it) => [it.recvByteCount, it.sentByteCount]),
  ),
];

/** What the last word of a request's path may be: others are one. */
const endpoints = new Set([
  ...["certs", "register", "config", "compound-config", "attest", "info", "metrics", "newlogs", "logs"],
  ...["flowlog", "hardwarehealth", "uuid", "ping"],
]);

/** Each app's log has a URL of its own: what they ask is the same. */
function byEndpoint(
  { device }: NodeWords,
  read: (of: metrics.urlcloudMetric) => readonly [received: bigint, sent: bigint],
): Reading[] {
  return each(device.zedcloud, portsMax, ({ ifName, urlMetrics }) => {
    const sums = new Map<string, [received: bigint, sent: bigint]>();
    for (const it of urlMetrics.slice(0, urlsMax)) {
      const last = it.url.split(/[/?#]/).findLast((word) => endpoints.has(word)) ?? "other";
      const sum = sums.get(last) ?? [0n, 0n];
      const [received, sent] = read(it);
      sums.set(last, [sum[0] + received, sum[1] + sent]);
    }
    return [...sums].flatMap(([endpoint, [received, sent]]) =>
      ways([nameOf(ifName), endpoint], received, sent),
    );
  });
}

type Log = metrics.newlogMetric;

/** Of the node's own log, and of its apps'. */
function ofBoth({ device }: NodeWords, read: (of: metrics.logfileMetrics) => bigint | number): Reading[] {
  const { deviceMetrics, appMetrics } = device.newlog ?? {};
  return [
    ...(deviceMetrics === undefined ? [] : [[["node"], Number(read(deviceMetrics))] as const]),
    ...(appMetrics === undefined ? [] : [[["apps"], Number(read(appMetrics))] as const]),
  ];
}

const whole = (read: (of: Log) => bigint | number, unit?: number) => {
  return ({ device }: NodeWords): Reading[] =>
    device.newlog === undefined ? [] : one(read(device.newlog), unit);
};

const logs: readonly Figure<NodeWords>[] = [
  node("log_events_total", "Lines that went into the logs of a node.", ["of"], (of) =>
    ofBoth(of, (it) => it.numInputEvent),
  ),
  node("log_written_bytes_total", "Bytes of log a node wrote to its disk.", ["of"], (of) =>
    ofBoth(of, (it) => it.numBytesWrite),
  ),
  node("log_files_sent_total", "Files of log a node sent.", ["of"], (of) =>
    ofBoth(of, (it) => it.numGzipFileSent),
  ),
  node("log_file_retries_total", "How often a file of log was sent again.", ["of"], (of) =>
    ofBoth(of, (it) => it.numGzipFileRetry),
  ),
  node("log_files_waiting", "Files of log that wait to be sent.", ["of"], (of) =>
    ofBoth(of, (it) => it.numGzipFileInDir),
  ),
  node(
    "log_uploaded_bytes_total",
    "Bytes of log a node sent, packed.",
    [],
    whole((it) => it.totalBytesUpload),
  ),
  node(
    "log_refused_total",
    "Files of log that were refused.",
    [],
    whole((it) => it.num4xxResponses),
  ),
  node(
    "log_throttled_total",
    "How often a node was told to send less.",
    [],
    whole((it) => it.tooManyRequest),
  ),
  node(
    "log_files_removed_total",
    "Files of log a node removed unsent, for want of room.",
    [],
    whole((it) => it.gzipFilesRemoved),
  ),
  node("log_kept_bytes", "What of its logs a box of EVE keeps.", [], ({ device }) =>
    // Ours does not say, which is not none.
    one(device.newlog?.totalSizeLogs || undefined),
  ),
  node(
    "log_upload_failing",
    "Whether logs cannot be sent now.",
    [],
    whole((it) => (it.failedToSend ? 1 : 0)),
  ),
  node(
    "log_upload_seconds",
    "How long a file of log takes to send.",
    [],
    whole((it) => it.avgUploadMsec, 1e-3),
  ),
  node(
    "log_upload_pause_seconds",
    "How long a node waits between files of log.",
    [],
    whole((it) => it.currentUploadIntv),
  ),
];

const flows: readonly Figure<NodeWords>[] = [
  node(
    "flow_log_total",
    "What a node told of its apps' traffic, and what it could not.",
    ["what", "outcome"],
    ({ device: { flowlog } }) =>
      (["messages", "flows", "dnsRequests"] as const).flatMap((what): Reading[] => {
        const it = flowlog?.[what];
        if (it === undefined) return [];
        const name = what === "dnsRequests" ? "queries" : what;
        return [
          [[name, "sent"], Number(it.success)],
          [[name, "dropped"], Number(it.drops)],
          [[name, "failed"], Number(it.failedAttempts)],
        ];
      }),
  ),
];

export const talkFigures: readonly Figure<NodeWords>[] = [...requests, ...logs, ...flows];
