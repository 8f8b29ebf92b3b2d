/** How an object is written, and what came of it. */
import type { KubeObject } from "@selvedge/apimachinery";
import type { User } from "../auth/user.ts";
import type { FieldRules } from "./field-validation.ts";
import type { Stored } from "./stored.ts";

export interface WriteQuery extends FieldRules {
  readonly dryRun?: boolean;
  readonly subresource?: string;
  /** Who writes, for managedFields. */
  readonly fieldManager?: string;
  /** Apply: take over what others manage. */
  readonly force?: boolean;
  /** Who asks; undefined is a part of this program. */
  readonly user?: User;
  /** Hears what members of admission have to say for the audit log. */
  readonly annotate?: (key: string, value: string, level?: "Request") => void;
  /** Hears how the object is kept: its text is an answer that need not be made again. */
  readonly wrote?: (stored: Stored) => void;
  /** Refuses, where an update or apply would make what is not there. */
  readonly mayMake?: () => Promise<void>;
}

export interface Written {
  readonly object: KubeObject;
  readonly created: boolean;
}
