/** One cause of a refusal, as metav1.StatusCause. */
export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  /** Also sent as the Retry-After header. */
  readonly retryAfterSeconds?: number;
}

export interface StatusErrorOptions extends ErrorOptions {
  /** Where a list that cannot be continued as it was may go on, less consistently. */
  readonly continue?: string;
}

/** A refusal in Kubernetes' words. Anything thrown that is not one of these becomes InternalError. */
export class StatusError extends Error {
  override name = "StatusError";
  readonly reason: string;
  readonly code: number;
  readonly details: StatusDetails | undefined;
  readonly continue: string | undefined;

  constructor(
    code: number,
    reason: string,
    message: string,
    details?: StatusDetails,
    options?: StatusErrorOptions,
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.details = details;
    this.continue = options?.continue;
  }

  /** The metav1.Status clients read. */
  toStatus(): Record<string, unknown> {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: this.continue === undefined ? {} : { continue: this.continue },
      status: "Failure",
      message: this.message,
      ...(this.reason === "" ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: withoutEmpty(this.details) }),
      code: this.code,
    };
  }
}

/** The core group has no name: it is left out, as upstream does. */
function withoutEmpty(details: StatusDetails): StatusDetails {
  const { group, ...others } = details;
  return group ? details : others;
}
