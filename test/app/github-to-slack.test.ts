// examples/github-to-slack: a GitHub delivery becomes a Slack message.

import { strict as assert } from "node:assert";
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { startGateway } from "../../src/app/gateway.ts";
import { afterTest } from "../support/after-test.ts";
import { createTopic, useBroker } from "../support/broker.ts";
import { loadTestConfig } from "../support/config.ts";
import { keepingLog } from "../support/gateway.ts";
import { send, sinkState } from "../support/http.ts";
import { startReceiver } from "../support/receiver.ts";
import { until } from "../support/until.ts";

const SECRET = "It's a Secret to Everybody";
const FILE = "examples/github-to-slack/onramp.yaml";

describe("examples/github-to-slack", function () {
  this.timeout(60_000);
  const broker = useBroker();

  it("posts a message for a pull request that is opened, and for no other delivery", async () => {
    for (const name of ["GITHUB", "GITHUB.dead-letter"])
      await createTopic(broker.addresses(), {}, name).catch(() => {});
    const slack = await startReceiver();
    const env = {
      GITHUB_WEBHOOK_SECRET: SECRET,
      SLACK_URL: `${slack.url}/services/T/B/X`,
      KAFKA_BROKERS: broker.addresses().join(","),
      ONRAMP_NAMESPACE: `ns-${Date.now()}`,
      ONRAMP_PORT: "0",
      ONRAMP_ADMIN_PORT: "0",
      ONRAMP_STOP_DRAIN: "0ms",
    };
    const config = loadTestConfig(FILE, env);
    const gateway = await startGateway(config, { dev: false, requireAuth: false }, keepingLog());
    afterTest(() => gateway.stop());
    await until(async () => (await sinkState(gateway)).partitions.length === 1);
    const all = createRequire(import.meta.url)("@octokit/webhooks-examples") as {
      name: string;
      examples: {
        action?: string;
        pull_request?: { title: string; html_url: string };
        repository?: { full_name: string };
      }[];
    }[];
    const deliver = async (event: string, payload: object): Promise<void> => {
      const body = JSON.stringify(payload);
      const signature = `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`;
      const headers = {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": "d",
        "x-github-hook-id": "1",
        "x-hub-signature-256": signature,
      };
      assert.equal((await send(gateway, "/webhooks/github", { method: "POST", body, headers })).status, 200);
    };
    const push = all.find(({ name }) => name === "push")?.examples[0];
    const opened = all
      .find(({ name }) => name === "pull_request")
      ?.examples.find(({ action }) => action === "opened");
    assert.ok(push && opened?.pull_request);
    await deliver("push", push);
    await deliver("pull_request", opened);
    await until(() => slack.taken.length === 1);
    const { title, html_url: url } = opened.pull_request;
    assert.equal(slack.taken[0]?.path, "/services/T/B/X");
    assert.equal(
      JSON.parse(slack.taken[0]?.body ?? "").text,
      `*${opened.repository?.full_name}*: <${url}|${title}>`,
    );
    assert.equal((await sinkState(gateway)).skipped, 1);
  });
});
