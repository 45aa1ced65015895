// Runs the contract of sinks on Slack's incoming webhooks.

import { sinkContract } from "../../contract/sink.ts";

sinkContract("slack, incoming webhook", {
  options: ({ url }) => ({
    type: "slack",
    webhookUrl: `${url}/services/T/B/X`,
    text: "$string(n)",
    rate: 100,
  }),
  numberIn: ({ body }) => Number(JSON.parse(body).text),
});
