// Positions that a client made up for a topic that exists: the stream reports a reset or a gap, and continues.

import { strict as assert } from "node:assert";
import { FROM_FIRST, offsetForTime, type PartitionOffset } from "../../../src/core/live.ts";
import { Place } from "../../../src/live/place.ts";
import { decodePosition, encodePosition } from "../../../src/live/position.ts";
import { produceWithKafkajs, useBroker } from "../../support/broker.ts";
import { type EventClient, openEvents } from "../../support/event-client.ts";
import { useGateway } from "../../support/gateway.ts";

const MAX_EPOCH = 2 ** 31 - 1;

describe("http: streams of events from forged positions", () => {
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());
  const open = (topic: string, query: string): Promise<EventClient> =>
    openEvents(`${gateway().apiUrl}/topics/${topic}/events${query}`);

  const cases: readonly [title: string, at: PartitionOffset, values: number[]][] = [
    ["the first record", FROM_FIRST, [0, 1, 2, 3]],
    ["an offset in the log", { offset: 2, epoch: 0 }, [2, 3]],
    ["an offset without an epoch", { offset: 2, epoch: -1 }, [2, 3]],
    ["a time in the future", { offset: offsetForTime(4e15), epoch: -1 }, [3]],
    ["a time before all records", { offset: offsetForTime(1), epoch: -1 }, [0, 1, 2, 3]],
    ["an offset after the end", { offset: 2 ** 50, epoch: 0 }, [3]],
    ["an offset after the end without an epoch", { offset: 4, epoch: -1 }, [3]],
    ["an epoch that has not begun", { offset: 2, epoch: MAX_EPOCH }, [2, 3]],
    ["an offset and an epoch that do not exist", { offset: 2 ** 52 - 1, epoch: MAX_EPOCH }, [3]],
  ];
  for (const [title, at, values] of cases)
    it(`begin at ${title}`, async () => {
      const topic = await broker.topic();
      const produce = (value: string) => produceWithKafkajs(broker.addresses(), topic, [{ value }]);
      for (const value of ["0", "1", "2"]) await produce(value);
      const own = await open(topic, "");
      await own.untilEvent("position");
      const key = decodePosition(own.lastId)[0]?.key;
      own.cut();
      assert.ok(key);
      const client = await open(topic, `?lastEventId=${encodePosition([new Place(key, [at])])}`);
      await client.untilEvent("position");
      const isAfter = at.offset > 3;
      if (isAfter) assert.equal((await client.untilEvent("reset"))["reason"], "truncated");
      await produce("3");
      await client.untilRecords(values.length);
      assert.deepEqual(
        client.records.map(({ value }) => value),
        values,
      );
      assert.equal(client.events.filter(({ name }) => name === "reset").length, isAfter ? 1 : 0);
    });
});
