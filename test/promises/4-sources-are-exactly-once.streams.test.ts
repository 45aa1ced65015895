// Promise 4, with a stream of Server-Sent Events that is cut every few events, and that repeats events.

import { strict as assert } from "node:assert";
import { useApi } from "../support/api-double.ts";
import { itThoroughly } from "../support/broker.ts";
import { readCommitted } from "../support/read-back.ts";
import { soak } from "../support/soak.ts";
import { useSourceProcesses } from "../support/source-processes.ts";
import { upTo } from "../support/sources.ts";
import { until } from "../support/until.ts";

const EVENTS = soak ? 100_000 : 10_000;
/** The events of a connection, and those before the last id that it repeats. */
const [PER_CONNECTION, REPEATED] = [EVENTS / 40, 50];

describe("promise 4: sources that read a stream are exactly once", function () {
  this.timeout(soak ? 900_000 : 120_000);
  const api = useApi(({ headers }, res) => {
    const last = Number(headers["last-event-id"] ?? 0);
    const from = Math.max(1, last - REPEATED);
    const to = Math.min(EVENTS, last + PER_CONNECTION);
    res.writeHead(200, { "content-type": "text/event-stream" });
    let n = from;
    const more = (): void => {
      for (; n <= to; n++)
        if (!res.write(`id: ${n}\ndata: {"n":${n},"text":"${"x".repeat(200)}"}\n\n`)) {
          n++;
          return void res.once("drain", more);
        }
      // Cut in the middle of an event.
      if (to < EVENTS) res.write(`id: ${to + 1}\ndata: {"n":`, () => res.socket?.destroy());
    };
    more();
    return undefined;
  });
  const { replica, broker, topicOf } = useSourceProcesses(["stream"], () => ({
    type: "sse",
    url: api().url,
    retry: "200ms",
    linger: "50ms",
    maxEvents: 500,
  }));
  const numbers = async (): Promise<number[]> =>
    (await readCommitted(broker.addresses(), topicOf("stream"))).map(
      ({ value }) => JSON.parse(String(value)).n,
    );

  itThoroughly(`loses and duplicates none of ${EVENTS} events, also when the owner is killed`, async () => {
    let running = await replica();
    for (const part of [0.25, 0.5, 0.75]) {
      await until(async () => (await numbers().catch(() => [])).length >= EVENTS * part, 300_000);
      await running.end("SIGKILL");
      running = await replica();
    }
    await until(async () => (await numbers()).length >= EVENTS, 300_000);
    assert.deepEqual(await numbers(), upTo(EVENTS));
    console.log(`      ${EVENTS} events over ${api().calls.length} connections`);
  });
});
