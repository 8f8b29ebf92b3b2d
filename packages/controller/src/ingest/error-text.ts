import type { infoCommon } from "@selvedge/eve-api";

/** As long as somebody reads; a node may send any. */
const textMax = 1024;

/** What a node says went wrong, and when it tries again; empty when nothing did. */
export function errorText(error: infoCommon.ErrorInfo | undefined): string {
  const { description = "", retryCondition = "" } = error ?? {};
  if (description === "" || retryCondition === "") return description.slice(0, textMax);
  return `${description.slice(0, textMax)} (${retryCondition.slice(0, textMax)})`;
}

/** Of several, each once. */
export function errorsText(errors: readonly infoCommon.ErrorInfo[]): string {
  return [...new Set(errors.map(errorText))].filter((text) => text !== "").join("; ");
}
