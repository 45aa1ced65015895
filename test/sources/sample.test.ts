// The source `sample`.

import { sourceContract } from "../contract/source.ts";

sourceContract("sample", {
  options: (topic) => ({ type: "sample", topic, interval: "50ms" }),
  numberIn: ({ value }) => Number(JSON.parse(value?.toString() ?? "").orderId.replace("sample-", "")),
});
