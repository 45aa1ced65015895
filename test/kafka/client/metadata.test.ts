// The cache of topic metadata finds changes.

import { strict as assert } from "node:assert";
import { CreatePartitions } from "../../../src/wire/messages/admin.ts";
import { untilLed, useBroker } from "../../support/broker.ts";
import { useGateway } from "../../support/gateway.ts";
import { post } from "../../support/http.ts";

describe("kafka: metadata", () => {
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());

  it("finds a partition that was added a moment ago", async () => {
    const topic = await broker.topic({ partitions: 1 });
    assert.equal((await post(gateway(), `/topics/${topic}/partitions/0`, undefined, "x")).status, 200);
    const connection = await broker.connect();
    await connection.request(
      CreatePartitions,
      1,
      { topics: [{ name: topic, count: 3, assignments: null }], timeoutMs: 5000, validateOnly: false },
      10_000,
    );
    // A broker knows the partitions a moment after the controller has answered.
    await untilLed(connection, topic, 3);
    const { status, body } = await post(gateway(), `/topics/${topic}/partitions/2`, undefined, "y");
    assert.deepEqual([status, body.partition], [200, 2]);
  });
});
