// The source `x` keeps the contract of sources.

import { sourceContract } from "../contract/source.ts";
import { useApi } from "../support/api-double.ts";
import { describeIf, thorough } from "../support/broker.ts";

let last = 0;

describeIf(thorough, "sources: x", () => {
  // One post per call: of several posts, the newest would be written first.
  const api = useApi(({ url }) => {
    const id = Number(url.searchParams.get("since_id") ?? 0) + 1;
    if (id > last) return { body: { meta: { result_count: 0 } } };
    return {
      body: { data: [{ id: String(id), author_id: "a" }], meta: { newest_id: String(id), result_count: 1 } },
    };
  });
  sourceContract("x", {
    options: (topic) => ({
      type: "x",
      topic,
      url: api().url,
      query: "kafka",
      bearerToken: "token",
      itemsPerDay: 1_000_000,
      callsPerSecond: 1000,
      interval: "50ms",
      quota: "app",
    }),
    group: "app",
    numberIn: ({ value }) => Number(JSON.parse(String(value)).id),
    feed: (number) => {
      last = Math.max(last, number);
    },
  });
});
