// The source `clock`.

import { sourceContract } from "../contract/source.ts";

sourceContract("clock", {
  options: (topic) => ({ type: "clock", interval: "50ms", topic }),
  numberIn: ({ value }) => JSON.parse(value?.toString() ?? "").number,
});
