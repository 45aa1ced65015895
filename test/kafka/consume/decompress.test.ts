// Batches that other producers compressed.

import { strict as assert } from "node:assert";
import { groupName, numbers, useGroupMembers } from "../../support/group-members.ts";
import { itWithKcat, kcat } from "../../support/kcat.ts";
import { until } from "../../support/until.ts";

describe("kafka: decompression", function () {
  this.timeout(60_000);
  const { broker, member } = useGroupMembers();

  for (const codec of ["gzip", "snappy", "lz4", "zstd"]) {
    itWithKcat(`reads batches that librdkafka compressed with ${codec}`, async () => {
      const topic = await broker.topic();
      const values = numbers(0, 2000).map((number) => `${number} ${"x".repeat(50)}`);
      const args = ["-P", "-b", broker.addresses()[0] ?? "", "-t", topic, "-z", codec, "-X", "linger.ms=100"];
      await kcat(args, values.join("\n"));
      const { taken } = member(groupName(), [topic], "earliest");
      await until(() => taken.length >= values.length);
      assert.deepEqual(
        taken.map(({ value }) => value),
        values,
      );
    });
  }
});
