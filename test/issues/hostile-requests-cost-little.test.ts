// Requests that are designed to be expensive cost little time and memory.

import { strict as assert } from "node:assert";
import http from "node:http";
import { afterTest } from "../support/after-test.ts";
import { describeOnDevBroker, useBroker } from "../support/broker.ts";
import { startTestGateway, useGateway } from "../support/gateway.ts";
import { post, V2_JSON, V2_TEXT } from "../support/http.ts";

describe("issue: hostile requests cost little", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { maxRecords: 500_000, budget: "512MB" } }),
  );

  it("the first 100 of many bad records are reported, quickly", async () => {
    const began = Date.now();
    const { status, body, text } = await post(
      gateway(),
      `/topics/${await broker.topic()}`,
      V2_JSON,
      `{"records":[${"1,".repeat(19_000)}1]}`,
    );
    assert.deepEqual([status, body.errors.length], [400, 100]);
    assert.ok(text.length < 50_000 && Date.now() - began < 10_000);
  });

  it("a record with 100,000 members is refused quickly", async () => {
    const members = Array.from({ length: 100_000 }, (_, n) => `"a${n}":1`).join(",");
    const began = Date.now();
    assert.equal(
      (await post(gateway(), `/topics/${await broker.topic()}`, V2_JSON, `{"records":[{${members}}]}`))
        .status,
      400,
    );
    assert.ok(Date.now() - began < 3000);
  });

  it("an envelope of very many small records for one partition is written", async () => {
    const topic = await broker.topic();
    const { status } = await post(
      gateway(),
      `/topics/${topic}`,
      V2_TEXT,
      `{"records":[${"{},".repeat(400_000)}{}]}`,
    );
    assert.equal(status, 200);
  });
});

describeOnDevBroker("issue: hostile requests cost little", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const config = { kafka: { requestTimeout: "300ms" }, http: { deadline: "1s" } };

  it("1,100 requests for unknown topics at once are answered 404", async () => {
    const own = await startTestGateway(broker.addresses(), config);
    const agent = new http.Agent({ maxSockets: 200 });
    afterTest(() => agent.destroy());
    const statuses = await Promise.all(
      Array.from(
        { length: 1100 },
        (_, n) =>
          new Promise<number>((resolve) =>
            http
              .request(`${own.apiUrl}/topics/unknown-${n}`, { method: "POST", agent }, (res) =>
                resolve(res.resume().statusCode ?? 0),
              )
              .end("x"),
          ),
      ),
    );
    assert.deepEqual([...new Set(statuses)], [404]);
  });
});
