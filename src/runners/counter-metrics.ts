// Provides the counters of sinks and of sources from their states.

import type { MetricSource } from "../core/ports.ts";

/**
 * Returns one counter per row of `rows`.
 *
 * @param label the label whose value is the name of the sink or source
 * @param rows name, help and the member of the state that has the value
 * @param states returns the current states; called per metric and scrape
 */
export function counterMetrics<Count extends string>(
  label: string,
  rows: readonly (readonly [name: string, help: string, count: Count])[],
  states: () => readonly ({ readonly name: string } & Readonly<Record<Count, number>>)[],
): MetricSource[] {
  return rows.map(([name, help, count]) => ({
    name,
    help,
    type: "counter",
    labels: [label],
    read: () => states().map((state) => ({ labels: { [label]: state.name }, value: state[count] })),
  }));
}
