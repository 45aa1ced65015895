// Provides the metrics of sources from their states.

import type { MetricSource } from "../core/ports.ts";
import type { SourceGauge } from "../core/source.ts";
import type { SourceStateName, SourceSummary } from "../core/source-state.ts";
import { counterMetrics } from "./counter-metrics.ts";
import type { SourceCounts } from "./source-health.ts";

const COUNTERS: readonly [name: string, help: string, count: keyof SourceCounts][] = [
  ["onramp_source_records_total", "Records of a source that were committed to their topics.", "records"],
  ["onramp_source_dead_letters_total", "Records of a source that became dead letters.", "deadLetters"],
  ["onramp_source_skipped_total", "Records that a source's filter skipped.", "skipped"],
  ["onramp_source_commits_total", "Transactions that a source committed.", "commits"],
  ["onramp_source_starts_total", "Starts of a source, including those after failures.", "starts"],
  [
    "onramp_source_losses_total",
    "Times that a source found that events were lost before it read them.",
    "losses",
  ],
];

const STATES: readonly SourceStateName[] = [
  "waiting",
  "starting",
  "running",
  "backing-off",
  "blocked",
  "stopped",
];

const GAUGES: readonly [name: string, help: string, read: (state: SourceSummary) => number | null][] = [
  [
    "onramp_source_last_commit_timestamp_seconds",
    "Time of the last commit of a source by this process, in seconds since 1970. Absent until the first commit.",
    ({ lastCommit }) => secondsOf(lastCommit),
  ],
  [
    "onramp_source_alive_timestamp_seconds",
    "Time at which a source last yielded a batch or reported progress in this process, in seconds since 1970.",
    ({ lastAlive }) => secondsOf(lastAlive),
  ],
  [
    "onramp_source_next_run_timestamp_seconds",
    "Time at which a source will next do something, or is started again, in seconds since 1970. Absent when it is not known.",
    ({ nextRun }) => secondsOf(nextRun),
  ],
  [
    "onramp_source_lag",
    "Records or other units that a source has not read yet. Absent when it does not know.",
    ({ lag }) => lag,
  ],
  [
    "onramp_source_quota_remaining",
    "Calls that a source may still make in the current period. Absent without a quota.",
    ({ quotaRemaining }) => quotaRemaining,
  ],
  [
    "onramp_source_items_remaining",
    "Items that a source may still read within its limits. Absent without such a limit.",
    ({ itemsRemaining }) => itemsRemaining,
  ],
];

/** Returns the metrics of one kind of source. */
function kindMetric(
  { name, help, label }: SourceGauge,
  states: () => readonly SourceSummary[],
): MetricSource {
  return {
    name,
    help,
    type: "gauge",
    labels: label === undefined ? ["source"] : ["source", label],
    read: () =>
      states().flatMap(({ name: source, gauges = {} }) => {
        const value = gauges[name];
        if (typeof value === "number") return [{ labels: { source }, value }];
        return Object.entries(value ?? {}).map(([of, each]) => ({
          labels: { source, [label ?? ""]: of },
          value: each,
        }));
      }),
  };
}

/**
 * Returns the metrics of all sources.
 *
 * @param states returns the current states; called per metric and scrape
 * @param kindGauges the metrics of the kinds of the sources, may contain duplicates
 */
export function sourceMetrics(
  states: () => readonly SourceSummary[],
  kindGauges: readonly SourceGauge[],
): MetricSource[] {
  const own = new Map(kindGauges.map((each) => [each.name, kindMetric(each, states)]));
  const gauges = GAUGES.map(
    ([name, help, read]): MetricSource => ({
      name,
      help,
      type: "gauge",
      labels: ["source"],
      read: () =>
        states().flatMap((state) => {
          const value = read(state);
          return value === null ? [] : [{ labels: { source: state.name }, value }];
        }),
    }),
  );
  const state: MetricSource = {
    name: "onramp_source_state",
    help: "1 for the current state of a source, 0 for the others.",
    type: "gauge",
    labels: ["source", "state"],
    read: () =>
      states().flatMap(({ name, state: current }) =>
        STATES.map((each) => ({ labels: { source: name, state: each }, value: Number(each === current) })),
      ),
  };
  return [...counterMetrics("source", COUNTERS, states), ...gauges, state, ...own.values()];
}

const secondsOf = (time: string | null): number | null => (time === null ? null : Date.parse(time) / 1000);
