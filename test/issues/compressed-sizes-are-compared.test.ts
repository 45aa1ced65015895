// Kafka compares the size of a compressed batch with max.message.bytes, and so does Onramp: a record that compression makes
// small enough is accepted.

import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { useBroker } from "../support/broker.ts";
import { startTestGateway } from "../support/gateway.ts";
import { post, V2_TEXT } from "../support/http.ts";
import { readPartition } from "../support/read-back.ts";

const LIMIT = 100_000;

describe("issue: compressed sizes are compared", () => {
  const broker = useBroker();
  const limited = () => broker.topic({ config: { "max.message.bytes": String(LIMIT) } });

  it("with compression, text of 3 MB is accepted, and bytes that stay too large are refused with 413", async () => {
    const topic = await limited();
    const gateway = await startTestGateway(broker.addresses(), { kafka: { compression: "gzip" } });
    const text = "a line of a log\n".repeat(190_000);
    assert.equal((await post(gateway, `/topics/${topic}`, "text/plain", text)).status, 200);
    const noise = randomBytes(2 * LIMIT);
    const refused = await post(gateway, `/topics/${topic}`, "application/octet-stream", noise);
    assert.deepEqual([refused.status, refused.body.error_code], [413, 41301]);
    assert.equal((await readPartition(broker.addresses(), topic))[0]?.value?.length, text.length);
  });

  it("with compression, one record that stays too large fails alone in an envelope", async () => {
    const topic = await limited();
    const gateway = await startTestGateway(broker.addresses(), { kafka: { compression: "gzip" } });
    const values = ["a".repeat(3 * LIMIT), randomBytes(LIMIT).toString("hex"), "b"];
    const envelope = JSON.stringify({ records: values.map((value) => ({ value })) });
    const { status, body } = await post(gateway, `/topics/${topic}`, V2_TEXT, envelope);
    const codes = body.offsets.map((each: { error_code: number | null }) => each.error_code);
    assert.deepEqual([status, codes], [200, [null, 41301, null]]);
  });

  it("without compression, a record that is too large is refused before anything is written", async () => {
    const topic = await limited();
    const gateway = await startTestGateway(broker.addresses());
    const envelope = JSON.stringify({ records: [{ value: "a" }, { value: "b".repeat(2 * LIMIT) }] });
    assert.equal((await post(gateway, `/topics/${topic}`, V2_TEXT, envelope)).status, 413);
    assert.deepEqual(await readPartition(broker.addresses(), topic), []);
  });
});
