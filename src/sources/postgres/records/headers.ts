// The headers that Debezium writes with each record of a table.

import { randomUUID } from "node:crypto";
import type { Header } from "../../../core/record.ts";

/** @param prefix Debezium's `topic.prefix` */
export function headersOf(prefix: string): readonly Header[] {
  const context = {
    connectorLogicalName: prefix,
    taskId: "0",
    connectorName: "postgresql",
    // One per start.
    runId: randomUUID(),
  };
  return Object.entries(context).map(([name, value]) => ({
    key: `__debezium.context.${name}`,
    value: Buffer.from(value),
  }));
}
