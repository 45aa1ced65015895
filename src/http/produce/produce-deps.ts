// The dependencies of produce requests in every format.

import type { Ingest } from "../../core/ingest.ts";
import type { Auth } from "../auth/tokens.ts";
import type { BodyLimits } from "../body/body.ts";
import type { ErrorListener } from "../problem.ts";

export interface ProduceDeps extends BodyLimits {
  readonly ingest: Ingest;
  readonly auth: Auth;
  /** `http.maxRecords`: the maximum number of records of one request, except of lines. */
  readonly maxRecords: number;
  /** `http.deadline`, in milliseconds. */
  readonly deadlineMs: number;
  readonly report: ErrorListener;
  /** Aborted when the process begins to stop. */
  readonly draining: AbortSignal;
}
