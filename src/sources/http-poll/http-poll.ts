// The source kind `http-poll`: polls a JSON API, and writes each new item as a record.

import { type AdapterContext, adapterKind } from "../../core/adapter.ts";
import { object } from "../../core/options.ts";
import type { Batch, Source } from "../../core/source.ts";
import { bytes, ms } from "../../core/units.ts";
import { ApiCalls } from "../parts/api-calls.ts";
import { callsIn, PacedCalls } from "../parts/paced-calls.ts";
import { pollOptions } from "./options.ts";
import { compilePlan, type PollOptions } from "./poll-plan.ts";
import type { Uncommitted } from "./poll-requests.ts";
import { checkState, type PollState, shownState } from "./poll-state.ts";
import { PollRun } from "./poller.ts";

/** A source may be silent while it waits for an answer. */
const SILENCE_MS = 60_000;

export const httpPoll = adapterKind({
  type: "http-poll",
  options: object(pollOptions),
  create: createPoller,
});

/** Creates a source that polls. Also used by the presets. @throws Error for options that do not fit together */
export function createPoller(options: PollOptions, context: AdapterContext): Source<PollState> {
  const { topic, timeout, maxResponse, oauth2, quota } = options;
  const plan = compilePlan(options, context);
  const api = new ApiCalls(context, { timeoutMs: ms(timeout), maxResponse: bytes(maxResponse), oauth2 });
  const calls = new PacedCalls(context, options, quota);
  const uncommitted: Uncommitted = {};
  return {
    topics: [topic],
    ...(quota === undefined ? {} : { group: quota }),
    maxSilenceMs: SILENCE_MS + ms(timeout),
    onTakeover: (cursors) => calls.load(cursors),
    carriedOver: callsIn,
    shown: shownState,
    async *run(stored, signal, report): AsyncGenerator<Batch<PollState>> {
      const end = calls.start(stored);
      try {
        yield* new PollRun(
          { plan, api, calls, context, uncommitted },
          checkState(context.name, stored),
          signal,
          report,
        ).run();
      } catch (error) {
        throw calls.sparing(error);
      } finally {
        end();
      }
    },
  };
}
