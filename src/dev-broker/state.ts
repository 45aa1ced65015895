// What the development broker knows, shared by its APIs.

import type { Faults } from "./faults.ts";
import type { Groups } from "./groups.ts";
import type { Topics } from "./topics.ts";

/** The one node's id. */
export const NODE_ID = 1;

/** All state. */
export interface State {
  readonly topics: Topics;
  readonly groups: Groups;
  readonly faults: Faults;
  readonly host: string;
  /** Known once it listens. */
  port: number;
  nextProducerId: number;
}
