// Odd requests are refused with the right code, counted, and logged where an operator needs to know.

import { strict as assert } from "node:assert";
import { itOnDevBroker, useBroker } from "../support/broker.ts";
import { keepingLog, startTestGateway, useGateway } from "../support/gateway.ts";
import { metric, post, rawExchange } from "../support/http.ts";

describe("issue: odd requests are refused and counted", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());

  it("names such as `constructor` are ordinary media types and unknown parameters", async () => {
    const topic = await broker.topic();
    for (const type of ["x/constructor", "x/__proto__", "constructor/toString"])
      assert.equal((await post(gateway(), `/topics/${topic}`, type, "x")).status, 200);
    assert.equal((await post(gateway(), `/topics/${topic}?constructor=1`, undefined, "x")).status, 400);
  });

  it("a read with a foreign Host, as after DNS rebinding, is refused if there is no auth", async () => {
    assert.match(
      await rawExchange(gateway(), "GET /topics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
      /^HTTP\/1\.1 403/,
    );
  });

  it("30 February is refused", async () => {
    assert.equal(
      (
        await post(
          gateway(),
          `/topics/${await broker.topic()}?timestamp=2026-02-30T00:00:00Z`,
          undefined,
          "x",
        )
      ).status,
      400,
    );
  });

  it("requests that are refused before the ingest are counted", async () => {
    const count = async () => (await metric(gateway(), "onramp_rejected_total", { code: "41501" })) ?? 0;
    const before = await count();
    await post(gateway(), `/topics/${await broker.topic()}`, "application/cloudevents+json", "{}");
    assert.equal(await count(), before + 1);
  });

  itOnDevBroker("an unexpected failure is logged", async () => {
    const log = keepingLog();
    const own = await startTestGateway(broker.addresses(), {}, log);
    broker.dev().faults.produce = () => ({ append: false, errorCode: 42, errorMessage: "odd" });
    assert.equal((await post(own, `/topics/${await broker.topic()}`, undefined, "x")).status, 500);
    assert.ok(log.lines.some(({ level, fields }) => level === "error" && fields["code"] === 50001));
  });
});
