/** A metav1.Status that says what failed. */
export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  /** Where a list goes on as it is now, when the log no longer has what it was. */
  readonly metadata: { readonly continue?: string };
  readonly status: "Failure" | "Success";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly uid?: string;
    readonly causes?: readonly {
      readonly reason?: string;
      readonly message?: string;
      readonly field?: string;
    }[];
    readonly retryAfterSeconds?: number;
  };
  readonly code?: number;
}

/**
 * The API server said no. `reason` is Kubernetes' word: NotFound, AlreadyExists, Conflict, Invalid,
 * Expired, …
 */
export class ApiError extends Error {
  override name = "ApiError";
  readonly reason: string;
  readonly code: number;
  readonly status: Status | undefined;

  constructor(message: string, reason: string, code: number, status?: Status, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.code = code;
    this.status = status;
  }
}

export function isReason(error: unknown, reason: string): boolean {
  return error instanceof ApiError && error.reason === reason;
}

/** Of a list whose pages took too long: where the rest of what is there now begins. */
export function restAt(error: unknown): string | undefined {
  return isReason(error, "Expired") ? (error as ApiError).status?.metadata.continue : undefined;
}

/** Whether it was refused for that cause: more than the reason says. */
export function hasCause(error: unknown, cause: string): boolean {
  return (
    error instanceof ApiError &&
    error.status?.details?.causes?.some(({ reason }) => reason === cause) === true
  );
}
