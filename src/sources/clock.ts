// The source kind `clock`: one record per interval.

import { adapterKind } from "../core/adapter.ts";
import { duration, expression, object, oneOf, string } from "../core/options.ts";
import { type Batch, invalidCursor, type Source, type SourceDraft, SourceError } from "../core/source.ts";
import { isTime } from "../core/time.ts";
import { ms } from "../core/units.ts";

/** The last tick: its number, from 1, and its time in milliseconds since 1970. */
interface Cursor {
  readonly number: number;
  readonly time: number;
}

/** The maximum number of records per batch; a batch has several only after missed ticks. */
const MAX_TICKS = 1000;

export const clock = adapterKind({
  type: "clock",
  options: object({
    topic: string("The topic of the records.", { required: true }),
    interval: duration("The time from one record to the next.", { required: true }),
    value: expression(
      'JSONata that computes the value of the record from {"number": …, "time": "2026-01-01T00:00:00.000Z"}. Default: the value is this object.',
    ),
    missed: oneOf(
      ["all", "skip"],
      "What happens to ticks that were not written in time, for example because no replica ran. all: a record is written for each, with its own time. skip: only for the last one.",
      { default: "all" },
    ),
  }),
  create({ topic, interval, value, missed }, { name, compile, now, sleep }): Source<Cursor> {
    const every = ms(interval);
    if (every < 1) throw new Error("interval must be at least 1ms");
    const expression = value === undefined ? undefined : compile("value", value);

    async function draftOf({ number, time }: Cursor): Promise<SourceDraft> {
      const input = { number, time: new Date(time).toISOString() };
      const result = expression ? await expression.evaluate(input, { topic, timestamp: time }) : input;
      if (result === undefined)
        throw new SourceError(
          "blocked",
          `value: the expression returned nothing for tick ${number}; correct the expression`,
        );
      return { topic, value: Buffer.from(JSON.stringify(result)), timestamp: time };
    }

    return {
      topics: [topic],
      async *run(cursor, signal, report): AsyncGenerator<Batch<Cursor>> {
        if (cursor !== undefined && !(Number.isSafeInteger(cursor?.number) && isTime(cursor?.time)))
          throw invalidCursor(name);
        let last = cursor ?? { number: 0, time: Math.floor(now() / every) * every };
        // The start is committed: otherwise the first tick would be lost if no replica runs at its time.
        if (cursor === undefined) yield { drafts: [], cursor: last };
        for (;;) {
          report({ nextRunAt: last.time + every });
          await sleep(Math.max(0, last.time + every - now()), signal);
          const due = Math.floor((now() - last.time) / every);
          const ticks = missed === "skip" ? Math.min(due, 1) : Math.min(due, MAX_TICKS);
          const first = missed === "skip" ? due : 1;
          const drafts: SourceDraft[] = [];
          const previous = last;
          for (let tick = first; tick < first + ticks; tick++) {
            last = { number: previous.number + tick, time: previous.time + tick * every };
            drafts.push(await draftOf(last));
          }
          if (drafts.length > 0) yield { drafts, cursor: last };
        }
      },
    };
  },
});
