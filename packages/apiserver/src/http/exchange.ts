import type { IncomingMessage, ServerResponse } from "node:http";
import type { AuditEntry } from "../audit/audit.ts";
import type { User } from "../auth/user.ts";
import type { LongAnswers } from "../rest/long-answers.ts";
import type { Target } from "../rest/target.ts";

/** One request that names something, on its way to its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly user: User;
  readonly target: Target;
  /** Undefined: nothing of it is written down. */
  readonly audit: AuditEntry | undefined;
  readonly answers: LongAnswers;
}
