/** How the conversation with the controller fares, in the API's metrics. Pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Instant } from "@selvedge/base";
import { metrics } from "@selvedge/eve-api";
import type { FileCounts, LogCounts } from "../logs/log-counts.ts";
import type { SecretCounts } from "../secrets.ts";
import type { Traffic } from "../traffic.ts";
import type { FlowCounts } from "./flow-upload.ts";

const at = (time: Instant): ReturnType<typeof timestampFromMs> => timestampFromMs(time);

/** EVE counts by port; the engine's requests go out by whichever the box's routes say. */
export function trafficMetric(traffic: Traffic): MessageInitShape<typeof metrics.zedcloudMetricSchema> {
  const { failures, successes, lastFailure, lastSuccess, unverified, endpoints } = traffic;
  return {
    ...{ ifName: "system", failures: BigInt(failures), success: BigInt(successes) },
    ...(lastFailure === undefined ? {} : { lastFailure: at(lastFailure) }),
    ...(lastSuccess === undefined ? {} : { lastSuccess: at(lastSuccess) }),
    authVerifyFailure: BigInt(unverified),
    urlMetrics: [...endpoints].map(([url, it]) => ({
      ...{ url, tryMsgCount: BigInt(it.tries), tryByteCount: BigInt(it.triedBytes) },
      ...{ sentMsgCount: BigInt(it.sent), sentByteCount: BigInt(it.sentBytes) },
      ...{ recvMsgCount: BigInt(it.received), recvByteCount: BigInt(it.receivedBytes) },
      totalTimeSpent: BigInt(Math.round(it.spentMs)),
    })),
  };
}

export function cipherMetric(counts: SecretCounts): MessageInitShape<typeof metrics.CipherMetricSchema> {
  const { opened, failed, lastOpened, lastFailed } = counts;
  return {
    ...{ agentName: "control", successCount: BigInt(opened), failureCount: BigInt(failed) },
    ...(lastOpened === undefined ? {} : { lastSuccess: at(lastOpened) }),
    ...(lastFailed === undefined ? {} : { lastFailure: at(lastFailed) }),
    tc: failed === 0 ? [] : [{ errorCode: metrics.CipherError.DECRYPT_FAILED, count: BigInt(failed) }],
  };
}

export function logMetrics(counts: LogCounts): MessageInitShape<typeof metrics.newlogMetricSchema> {
  const { failingSince, spent, device, apps, uploadedBytes } = counts;
  const files = device.sentFiles + apps.sentFiles;
  return {
    failedToSend: failingSince !== undefined,
    ...(failingSince === undefined ? {} : { failSentStartTime: at(failingSince) }),
    totalBytesUpload: BigInt(uploadedBytes),
    ...{ num4xxResponses: counts.refused, tooManyRequest: counts.tooMany },
    currentUploadIntv: Math.round(counts.pauseMs / 1000),
    maxGzipFileSize: counts.largestFile,
    avgGzipFileSize: files === 0 ? 0 : Math.round(uploadedBytes / files),
    ...{ mimUploadMsec: Math.round(spent.least), maxUploadMsec: Math.round(spent.most) },
    avgUploadMsec: spent.count === 0 ? 0 : Math.round(spent.sum / spent.count),
    lastUploadMsec: Math.round(spent.last),
    gzipFilesRemoved: counts.removedFiles,
    ...{ deviceMetrics: fileMetrics(device, counts.waitingFiles), appMetrics: fileMetrics(apps) },
  };
}

export function flowMetrics(counts: FlowCounts): MessageInitShape<typeof metrics.FlowlogMetricSchema> {
  const outcomes = ({ sent, dropped, failed }: FlowCounts["flows"]) => ({
    ...{ success: BigInt(sent), drops: BigInt(dropped), failedAttempts: BigInt(failed) },
  });
  const { messages, flows, queries } = counts;
  return { messages: outcomes(messages), flows: outcomes(flows), dnsRequests: outcomes(queries) };
}

function fileMetrics(counts: FileCounts, waiting = 0): MessageInitShape<typeof metrics.logfileMetricsSchema> {
  return {
    numGzipFileInDir: waiting,
    numInputEvent: BigInt(counts.events),
    numBytesWrite: BigInt(counts.writtenBytes),
    numGzipBytesWrite: BigInt(counts.zippedBytes),
    numGzipFileSent: BigInt(counts.sentFiles),
    numGzipFileRetry: BigInt(counts.retries),
    ...(counts.lastSentAt === undefined ? {} : { lastGzipFileSendTime: at(counts.lastSentAt) }),
  };
}
