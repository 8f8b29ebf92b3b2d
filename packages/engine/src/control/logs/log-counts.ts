/** How the logs fare on their way, for the metrics. */
import type { Instant } from "@selvedge/base";

export interface FileCounts {
  events: number;
  writtenBytes: number;
  zippedBytes: number;
  sentFiles: number;
  retries: number;
  givenUp: number;
  lastSentAt: Instant | undefined;
}

const fresh = (): FileCounts => ({
  ...{ events: 0, writtenBytes: 0, zippedBytes: 0, sentFiles: 0, retries: 0, givenUp: 0 },
  lastSentAt: undefined,
});

export class LogCounts {
  readonly device: FileCounts = fresh();
  readonly apps: FileCounts = fresh();
  uploadedBytes = 0;
  refused = 0;
  tooMany = 0;
  removedFiles = 0;
  /** Of the node's own log; those of apps are sent line by line. */
  waitingFiles = 0;
  /** Since when nothing could be sent; undefined while it can. */
  failingSince: Instant | undefined;
  /** Of one upload, in milliseconds. */
  readonly spent: { least: number; most: number; last: number; sum: number; count: number } = {
    ...{ least: 0, most: 0, last: 0, sum: 0, count: 0 },
  };
  pauseMs = 0;
  largestFile = 0;

  uploaded(of: FileCounts, bytes: number, spentMs: number, now: Instant): void {
    const { spent } = this;
    of.sentFiles++;
    of.zippedBytes += bytes;
    of.lastSentAt = now;
    this.uploadedBytes += bytes;
    this.largestFile = Math.max(this.largestFile, bytes);
    this.failingSince = undefined;
    spent.least = spent.count === 0 ? spentMs : Math.min(spent.least, spentMs);
    spent.most = Math.max(spent.most, spentMs);
    spent.last = spentMs;
    spent.sum += spentMs;
    spent.count++;
  }

  failed(of: FileCounts, status: number | undefined, now: Instant): void {
    of.retries++;
    this.failingSince ??= now;
    if (status !== undefined && status >= 400 && status < 500) this.refused++;
    if (status === 429) this.tooMany++;
  }
}
