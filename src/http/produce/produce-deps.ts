// What producing needs of the process, whatever the format.

import type { Ingest } from "../../core/ingest.ts";
import type { Auth } from "../auth/tokens.ts";
import type { BodyLimits } from "../body/body.ts";
import type { Report } from "../problem.ts";

export interface ProduceDeps extends BodyLimits {
  readonly ingest: Ingest;
  readonly auth: Auth;
  /** `http.deadline`, in milliseconds. */
  readonly deadlineMs: number;
  readonly report: Report;
  /** Aborted from SIGTERM on. */
  readonly draining: AbortSignal;
}
