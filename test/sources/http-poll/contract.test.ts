// The source `http-poll` keeps the contract of sources.

import { sourceContract } from "../../contract/source.ts";
import { useApi } from "../../support/api-double.ts";
import { describeIf, thorough } from "../../support/broker.ts";

let last = 0;

describeIf(thorough, "sources: http-poll", () => {
  const api = useApi(({ url }) => {
    const since = Number(url.searchParams.get("since"));
    const page = Number(url.searchParams.get("page") ?? 0);
    const items = Array.from({ length: Math.max(0, last - since) }, (_, n) => ({ id: since + 1 + n })).slice(
      page * 3,
    );
    const next = items.length > 3 ? `${url.origin}/?since=${since}&page=${page + 1}` : null;
    return { body: { items: items.slice(0, 3), next } };
  });
  sourceContract("http-poll", {
    options: (topic) => ({
      type: "http-poll",
      topic,
      url: `${api().url}/?since={cursor}`,
      interval: "50ms",
      items: "items",
      id: "id",
      key: "id",
      cursor: "$max(items.id)",
      initialCursor: 0,
      next: "next",
    }),
    numberIn: ({ value }) => JSON.parse(String(value)).id,
    feed: (number) => {
      last = Math.max(last, number);
    },
  });
});
