// The canary of `canary.ts` in a process of its own, so that an attack in the test's process does not delay it: posts one small
// record every 20 ms, whether the earlier ones are answered or not.

import http from "node:http";
import { answerWith } from "./asked-process.ts";
import { type Posted, percentile99, post } from "./load.ts";

export type CanaryQuestion = { readonly url: string; readonly path: string } | { readonly stop: true };

/** The posts of a canary. */
export interface CanaryPosts {
  readonly count: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  /** How often each status other than 200 was answered; 0 for no answer. */
  readonly failures: Readonly<Record<number, number>>;
}

const INTERVAL_MS = 20;
/** How long posts may remain unanswered at the end, in milliseconds. */
const LAST_ANSWER_MS = 30_000;

const agent = new http.Agent({ keepAlive: true });
const pending = new Set<Promise<Posted>>();
const answered: Posted[] = [];
let timer: NodeJS.Timeout | undefined;

answerWith<CanaryQuestion, CanaryPosts | undefined>(async (question) => {
  if ("url" in question) {
    let n = 0;
    timer = setInterval(() => {
      const posted = post(agent, question.url, question.path, `{"n":${n++}}`);
      pending.add(posted);
      void posted.then((result) => {
        pending.delete(posted);
        answered.push(result);
      });
    }, INTERVAL_MS);
    return undefined;
  }
  clearInterval(timer);
  const late = new Promise((resolve) => setTimeout(resolve, LAST_ANSWER_MS).unref());
  await Promise.race([Promise.all(pending), late]);
  const failures: Record<number, number> = {};
  for (const { status } of answered) if (status !== 200) failures[status] = (failures[status] ?? 0) + 1;
  if (pending.size > 0) failures[0] = (failures[0] ?? 0) + pending.size;
  const longestMs = answered.reduce((most, { tookMs }) => Math.max(most, tookMs), 0);
  return { count: answered.length, p99Ms: percentile99(answered), longestMs, failures };
});
