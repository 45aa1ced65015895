// The response to a stream of lines says what is known, even if the stream ends early.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import { describeOnDevBroker, useBroker } from "../support/broker.ts";
import { startTestGateway, useGateway } from "../support/gateway.ts";
import { connect, inFlight, NDJSON, post } from "../support/http.ts";
import { linesHead } from "../support/lines.ts";
import { delayProduce } from "../support/produce-faults.ts";
import { readPartition } from "../support/read-back.ts";
import { until } from "../support/until.ts";

const MEGABYTE = 1024 * 1024;

describeOnDevBroker("issue: lines say what is known", function () {
  this.timeout(90_000);
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { maxBody: "1MB", budget: "8MB" } }),
  );
  for (const together of [true, false])
    it(`a malformed chunk ${together ? "with" : "after"} a good line: no answer says that nothing was written when it was`, async () => {
      const topic = await broker.topic();
      delayProduce(broker.dev(), 300);
      const socket = await connect(gateway());
      let answer = "";
      socket.on("data", (chunk) => (answer += chunk));
      const good = `${linesHead(topic, "transfer-encoding: chunked\r\n")}2\r\n1\n\r\n`;
      socket.write(together ? `${good}ZZ\r\n` : good);
      if (!together) {
        await until(async () => ((await inFlight(gateway())) ?? 0) > 0);
        socket.write("ZZ\r\n");
      }
      await once(socket, "close");
      const written = (await readPartition(broker.addresses(), topic)).length;
      if (written === 0) assert.match(answer, /^HTTP\/1\.1 400 /);
      else {
        assert.match(answer, /^HTTP\/1\.1 200 /);
        assert.match(answer, /"offset":0/);
        assert.match(answer, /Line 2 and the lines after it were not written/);
      }
      assert.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 1);
    });

  it("a stream that begins during the drain is refused with Connection: close", async () => {
    const own = await startTestGateway(broker.addresses(), { stop: { drain: "2s" } });
    const topic = await broker.topic();
    const stopped = own.stop();
    const { status, body, headers } = await post(own, `/topics/${topic}`, NDJSON, "1\n");
    assert.deepEqual([status, body.error_code, headers.get("retry-after")], [503, 50301, "1"]);
    await stopped;
  });

  it("a budget that is full before the first line causes an error status with Retry-After", async () => {
    const own = await startTestGateway(broker.addresses(), {
      http: { maxBody: "1MB", budget: "2MB", deadline: "500ms" },
    });
    const topic = await broker.topic();
    // A body with a Content-Length counts against the budget at once, for 5 s.
    const hold = await connect(own);
    hold.write(`POST /topics/${topic} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: ${MEGABYTE}\r\n\r\n`);
    await until(async () => (await inFlight(own)) === MEGABYTE);
    const { status, body, headers } = await post(own, `/topics/${topic}`, NDJSON, "1\n2\n");
    assert.deepEqual([status, body.error_code, headers.get("retry-after")], [429, 42901, "1"]);
  });

  it("a line of spaces is a blank line", async () => {
    const topic = await broker.topic();
    const { text } = await post(gateway(), `/topics/${topic}`, NDJSON, "1\n \t \n2\n");
    assert.equal(text.trim().split("\n").length, 2);
  });
});
