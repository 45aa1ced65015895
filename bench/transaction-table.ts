// The part of the report about the transactions of sources.

import { runChild } from "./parts.ts";
import { median, show, table } from "./report.ts";

/** Measures transactions of 1,000 records, and compares one of a single record with the sum of its requests. */
export async function transactionTable(brokers: readonly string[], rounds: number): Promise<string> {
  const [large, single]: Record<string, number>[][] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const [thousand, one] = await runChild("transactions.ts", brokers);
    large?.push(thousand as Record<string, number>);
    single?.push(one as Record<string, number>);
  }
  const of = (samples: Record<string, number>[] = [], value: (sample: Record<string, number>) => number) =>
    median(samples.map(value));
  const ratio = of(single, ({ ours = 0, sum = 1 }) => ours / sum);
  return table(
    [
      "transactions of a source",
      "records/s",
      "CPU µs/record",
      "ms",
      "sum of its requests, ms",
      "×",
      "target",
    ],
    [
      [
        "1,000 records and the cursor",
        show(of(large, ({ perSecond = 0 }) => perSecond)),
        show(
          of(large, ({ microsPerRecord = 0 }) => microsPerRecord),
          2,
        ),
        "",
        "",
        "",
        "≥ 50,000/s, < 5 µs",
      ],
      [
        "1 record and the cursor",
        "",
        "",
        show(
          of(single, ({ ours = 0 }) => ours),
          2,
        ),
        show(
          of(single, ({ sum = 0 }) => sum),
          2,
        ),
        show(ratio, 2),
        "",
      ],
    ],
  );
}
