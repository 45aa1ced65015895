// The state of the development broker that its APIs share.

import type { Faults } from "./faults.ts";
import type { Groups } from "./groups.ts";
import type { Topics } from "./topics.ts";
import type { Transactions } from "./transactions.ts";

/** The id of the only node. */
export const NODE_ID = 1;

/** The state of the broker. */
export interface State {
  readonly topics: Topics;
  readonly groups: Groups;
  readonly transactions: Transactions;
  readonly faults: Faults;
  readonly host: string;
  /** The port that the broker listens on. It may be 0 before the broker listens. */
  port: number;
  /** The port in the metadata. Undefined: `port`. */
  readonly advertisedPort: number | undefined;
}
