// The addresses of brokers.

import { strict as assert } from "node:assert";
import "../../../src/kafka/admin/kafkajs-repairs.ts";
import { parseAddress } from "../../../src/kafka/client/address.ts";

describe("kafka: addresses", () => {
  it("parses host:port, an address without a port, and IPv6", () => {
    assert.deepEqual(parseAddress("kafka-1:9093"), { host: "kafka-1", port: 9093 });
    assert.deepEqual(parseAddress("kafka-1"), { host: "kafka-1", port: 9092 });
    assert.deepEqual(parseAddress("[::1]:9093"), { host: "::1", port: 9093 });
    assert.throws(() => parseAddress("http://x:1/"));
  });
});
