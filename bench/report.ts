// Turns the samples of several rounds into rows of a table: medians, and ratios of samples of the same round.

/** The measurement of one row in one round. */
export interface Sample {
  readonly requests: number;
  readonly records: number;
  readonly seconds: number;
  /** CPU time of the server's process; undefined if the benchmark did not start it. */
  readonly cpuSeconds: number | undefined;
  readonly failed: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export const perSecond = (sample: Sample): number => sample.requests / sample.seconds;
/** Requests per CPU-second of the server. */
export const perCpu = (sample: Sample): number => sample.requests / (sample.cpuSeconds ?? Number.NaN);

/** The median of the ratios of `of` to `to`. Each ratio compares samples of the same round. */
export function ratio(
  of: readonly Sample[],
  to: readonly Sample[],
  value: (sample: Sample) => number,
): number {
  return median(of.map((sample, round) => value(sample) / value(to[round] as Sample)));
}

/** The cells of a row: requests and records per second, CPU time, failures. */
export function cells(samples: readonly Sample[]): string[] {
  const of = (value: (sample: Sample) => number, digits = 0): string =>
    show(median(samples.map(value)), digits);
  return [
    of(perSecond),
    of((sample) => sample.records / sample.seconds),
    of((sample) => ((sample.cpuSeconds ?? Number.NaN) / sample.requests) * 1000, 4),
    of((sample) => ((sample.cpuSeconds ?? Number.NaN) / sample.records) * 1000, 4),
    String(samples.reduce((sum, sample) => sum + sample.failed, 0)),
  ];
}

export const show = (value: number, digits = 0): string =>
  Number.isNaN(value)
    ? "–"
    : value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** A table in Markdown, with aligned columns. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? "").length)),
  );
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, at) => (at === 0 ? (row[at] ?? "").padEnd(width) : (row[at] ?? "").padStart(width))).join(" | ")} |`;
  const rule = `|${widths.map((width, at) => (at === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}
