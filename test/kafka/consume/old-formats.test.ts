// Records of the message formats v0 and v1, which a broker returns from logs that were written before Kafka 0.11.

import { strict as assert } from "node:assert";
import { gzipSync } from "node:zlib";
import { compressFrameSync } from "lz4-napi";
import snappy from "snappy";
import { describeOnDevBroker } from "../../support/broker.ts";
import { groupName, numbers, useGroupMembers } from "../../support/group-members.ts";
import { messageSet } from "../../support/message-sets.ts";
import { until } from "../../support/until.ts";

const COUNT = 20;

describeOnDevBroker("kafka: old message formats", function () {
  this.timeout(30_000);
  const { broker, member, produce } = useGroupMembers();
  const inner = (magic: 0 | 1) =>
    messageSet(
      magic,
      Array.from({ length: COUNT }, (_, n) => ({ offset: n, key: null, value: `${n}` })),
    );
  /** LZ4 of clients before Kafka 0.10, whose frames have a wrong header checksum. */
  const oldLz4 = (bytes: Buffer): Buffer => {
    const frame = Buffer.from(compressFrameSync(bytes));
    frame.writeUInt8(frame.readUInt8(6) ^ 0xff, 6);
    return frame;
  };
  const wrapped = (magic: 0 | 1, compression: number, value: Buffer) =>
    messageSet(magic, [{ offset: COUNT - 1, key: null, value, compression }]);
  const logs: Readonly<Record<string, Buffer>> = {
    "v0, uncompressed": inner(0),
    "v1, uncompressed": inner(1),
    "v0, gzip": wrapped(0, 1, gzipSync(inner(0))),
    "v1, gzip": wrapped(1, 1, gzipSync(inner(1))),
    "v1, snappy": wrapped(1, 2, snappy.compressSync(inner(1))),
    "v1, lz4": wrapped(1, 3, compressFrameSync(inner(1))),
    "v0, lz4 with a wrong header checksum": wrapped(0, 3, oldLz4(inner(0))),
    "v0 and an incomplete message": Buffer.concat([inner(0), inner(0).subarray(0, 20)]),
  };

  for (const [name, records] of Object.entries(logs))
    it(`${name}: reads the records before those of the present format`, async () => {
      const topic = await broker.topic();
      await produce(topic, numbers(0, COUNT), 0);
      await produce(topic, ["new"], 0);
      broker.dev().faults.fetch = (_, __, offset) => (offset < COUNT ? { records } : undefined);
      const { taken } = member(groupName(), [topic], "earliest");
      await until(() => taken.length > COUNT);
      assert.deepEqual(
        taken.map(({ place, value }) => [place, value]),
        [...numbers(0, COUNT), "new"].map((value, n) => [`0/${n}`, value]),
      );
    });
});
