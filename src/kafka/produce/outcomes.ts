// The table of outcomes: what one partition's answer to a Produce request means. Each row was tried on Apache
// Kafka or read in its source; a test walks the table.

/**
 * - `written`: at the base offset of the answer
 * - `duplicate`: the broker has it from an earlier try of the same batch
 * - `open`: unknown; the same bytes may settle it
 * - `unknown`: unknown, and no retry will tell
 * - `elsewhere`: not written; ask for new metadata, try again
 * - `later`: not written; try again after a pause
 * - `split`: not written; too much in one batch
 * - `records`: not written; some records of it are at fault, the broker may name them
 * - `denied`: not written; an ACL is missing
 * - `refused`: not written; the broker's own reason
 * - `sequence`: not written, if this batch was not open; the lane needs a new epoch
 */
export type Outcome =
  | "written"
  | "duplicate"
  | "open"
  | "unknown"
  | "elsewhere"
  | "later"
  | "split"
  | "records"
  | "denied"
  | "refused"
  | "sequence";

const CODES: Readonly<Record<number, Outcome>> = {
  0: "written",
  2: "later",
  5: "elsewhere",
  7: "open",
  9: "elsewhere",
  10: "split",
  18: "split",
  19: "later",
  20: "open",
  29: "denied",
  31: "denied",
  32: "records",
  42: "refused",
  43: "refused",
  44: "records",
  45: "sequence",
  46: "duplicate",
  47: "sequence",
  53: "denied",
  56: "open",
  59: "sequence",
  76: "refused",
  87: "records",
};

/** What an answer means for a batch that is not open. */
export function outcomeOf(errorCode: number, baseOffset: number): Outcome {
  // 3 and 6 come after the append too, when leadership moved while the leader waited for a follower; the base
  // offset tells (pinned by the conformance suite).
  if (errorCode === 3 || errorCode === 6) return baseOffset === -1 ? "elsewhere" : "open";
  return CODES[errorCode] ?? "unknown";
}
