// Runs the contract of sinks on Slack's Web API with a bot token.

import { sinkContract } from "../../contract/sink.ts";

sinkContract("slack, bot token", {
  options: ({ url }) => ({
    type: "slack",
    token: "xoxb-1",
    channel: "C1",
    apiUrl: `${url}/api/`,
    text: "$string(n)",
    rate: 100,
  }),
  numberIn: ({ body }) => Number(new URLSearchParams(body).get("text")),
  fine: { status: 200, body: '{"ok":true,"ts":"1.1"}' },
});
