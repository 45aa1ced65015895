// A stream of lines does not delay a stop.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { describeOnDevBroker, useBroker } from "../support/broker.ts";
import { startTestGateway } from "../support/gateway.ts";
import { inFlight } from "../support/http.ts";
import { openLines } from "../support/lines.ts";
import { until } from "../support/until.ts";

describeOnDevBroker("issue: lines do not delay a stop", function () {
  this.timeout(90_000);
  const broker = useBroker();
  it("a client that does not read its receipts does not delay a stop", async () => {
    const own = await startTestGateway(broker.addresses(), { stop: { deadline: "20s" } });
    const exchange = openLines(own, `/topics/${await broker.topic()}`);
    const writing = (async () => {
      for (let n = 0; n < 400; n++) await exchange.write("1\n".repeat(50_000));
    })();
    writing.catch(() => {});
    let [before, still] = [-1, 0];
    await until(async () => {
      const now = (await inFlight(own)) ?? 0;
      still = now === before && now > 0 ? still + 1 : 0;
      before = now;
      await delay(100);
      return still > 5;
    }, 30_000);
    const began = Date.now();
    await own.stop();
    assert.ok(Date.now() - began < 8000, `the stop took ${Date.now() - began} ms`);
  });
});
