// Numbers of several rounds as lines of a table: medians, and ratios that were taken within each round.

/** What one round measured of one line. */
export interface Sample {
  readonly requests: number;
  readonly records: number;
  readonly seconds: number;
  /** Of the server's process; undefined where it is not ours. */
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

/** The median over rounds of `of` by `to` in the same round. */
export function ratio(
  of: readonly Sample[],
  to: readonly Sample[],
  value: (sample: Sample) => number,
): number {
  return median(of.map((sample, round) => value(sample) / value(to[round] as Sample)));
}

/** A line's cells: requests and records a second, CPU, failures. */
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

/** Rows as Markdown, columns aligned. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? "").length)),
  );
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, at) => (at === 0 ? (row[at] ?? "").padEnd(width) : (row[at] ?? "").padStart(width))).join(" | ")} |`;
  const rule = `|${widths.map((width, at) => (at === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}
