// Requests without a valid answer, and slow brokers.

import { strict as assert } from "node:assert";
import { BrokerGone, BrokerRefused } from "../../../src/kafka/client/errors.ts";
import { MAIN } from "../../../src/kafka/produce/broker-channels.ts";
import { codesOf } from "../../support/segments.ts";
import { PAUSE, startSender } from "../../support/sender.ts";
import { topicState } from "../../support/topics.ts";

const tooSlow = new BrokerGone("no answer", { sent: true, timedOut: true });

describe("kafka: sender, losses", function () {
  this.timeout(2000);
  it("leaves every batch of a lost request open: the same bytes are sent again", async () => {
    const { brokers, lane, log, push, pump, later } = startSender([topicState("t", [1, 1])]);
    push("t/0", "a");
    push("t/1", "b");
    await pump();
    const first = brokers.last;
    await first.fail(new BrokerGone("the connection failed", { sent: true }));
    assert.deepEqual([lane("t/0").open, lane("t/1").open, lane("t/0").isolated], [true, true, false]);
    await later(PAUSE);
    assert.deepEqual(
      brokers.last.parts.map(({ batch }) => batch.bytes),
      first.parts.map(({ batch }) => batch.bytes),
    );
    assert.deepEqual([brokers.last.channel, log.lines], [MAIN, []]);
  });

  it("does not open a batch that was not sent: its records are sent again with newer ones", async () => {
    const { brokers, lane, push, pump, later } = startSender([topicState("t", [1])]);
    push("t/0", "a");
    await pump();
    await brokers.last.fail(new BrokerGone("the connection was closed", { sent: false }));
    assert.deepEqual([lane("t/0").open, lane("t/0").backingOff, lane("t/0").reserved], [false, true, false]);
    push("t/0", "b");
    await later(PAUSE);
    assert.deepEqual(brokers.last.parts[0]?.values, ["a", "b"]);
  });

  it("refuses the records for a broker without a usable version at once, and logs nothing per attempt", async () => {
    const { brokers, log, push, pump } = startSender([topicState("t", [1])]);
    brokers.unreachable = new BrokerRefused("offers only versions 0 to 2 of Produce", 35);
    const request = push("t/0", "a");
    await pump();
    assert.deepEqual([codesOf(request), log.lines], [[50001], []]);
  });

  it("tries again when a broker refuses the login, and logs nothing per attempt", async () => {
    const { brokers, lane, log, push, pump } = startSender([topicState("t", [1])]);
    brokers.unreachable = new BrokerRefused("authenticating with PLAIN", 58);
    push("t/0", "a");
    await pump();
    assert.deepEqual([lane("t/0").backingOff, log.lines], [true, []]);
  });

  it("pauses all lanes of a broker that cannot be reached", async () => {
    const { brokers, lane, log, push, pump, later } = startSender([topicState("t", [1, 1])]);
    brokers.unreachable = new BrokerGone("refused", { sent: false });
    push("t/0", "a");
    push("t/1", "b");
    await pump();
    assert.deepEqual(
      ["t/0", "t/1"].map((place) => [lane(place).open, lane(place).backingOff, lane(place).reserved]),
      [
        [false, true, false],
        [false, true, false],
      ],
    );
    brokers.unreachable = undefined;
    await later(PAUSE);
    assert.deepEqual([brokers.last.places, log.lines], [["t/0", "t/1"], []]);
  });

  it("logs a warning when a request fails for a reason other than the broker", async () => {
    const { brokers, lane, log, push, pump } = startSender([topicState("t", [1])]);
    push("t/0", "a");
    await pump();
    await brokers.last.fail(new Error("what came is no answer"));
    assert.equal(lane("t/0").open, true);
    assert.deepEqual(
      log.lines.map(({ level, fields }) => [level, fields["node"]]),
      [["warn", 1]],
    );
  });

  it("leaves the batch of a partition that the answer omits open, and settles the others", async () => {
    const { brokers, lane, push, pump, later } = startSender([topicState("t", [1, 1])]);
    const [out, in_] = [push("t/0", "a"), push("t/1", "b")];
    await pump();
    await brokers.last.answer({ "t/0": undefined });
    assert.deepEqual([out.answers, in_.receipts.offsets, lane("t/0").open], [0, [50], true]);
    assert.equal(lane("t/0").isolated, false);
    await later(PAUSE);
    assert.deepEqual(brokers.last.places, ["t/0"]);
  });

  it("ignores an answer for a partition that is not in the request", async () => {
    const { brokers, push, pump } = startSender([topicState("t", [1])]);
    const request = push("t/0", "a");
    await pump();
    await brokers.last.answer({ "t/0": { partition: 5 } });
    assert.deepEqual([request.answers, codesOf(request)], [0, undefined]);
  });

  it("sends nothing during the throttle time of the broker, and continues after it", async () => {
    const { brokers, push, pump, later } = startSender([topicState("t", [1])]);
    push("t/0", "a");
    await pump();
    await brokers.last.answer({}, 300);
    push("t/0", "b");
    await later(299);
    assert.equal(brokers.requests.length, 1);
    await later(1);
    assert.equal(brokers.requests.length, 2);
  });
});

describe("kafka: sender, slow partitions", function () {
  this.timeout(2000);
  const topics = [topicState("t", [1, 1, 1]), topicState("u", [1])];

  /** Gives `places` an answer that takes longer than half a second. */
  async function slowed(...places: string[]) {
    const world = startSender(topics);
    for (const place of places) world.push(place, "slow");
    await world.pump();
    world.pass(501);
    await world.brokers.last.answer();
    return world;
  }

  it("are sent on a connection of their own, while the others share one", async () => {
    const { brokers, push, pump } = await slowed("t/0");
    for (const place of ["t/0", "t/1", "u/0"]) push(place, "a");
    await pump();
    const [, main, spare] = brokers.requests;
    assert.deepEqual([main?.channel, main?.places], [MAIN, ["t/1", "u/0"]]);
    assert.deepEqual([spare?.node, spare?.places], [1, ["t/0"]]);
    assert.notEqual(spare?.channel, MAIN);
  });

  it("do not include those whose answer takes exactly half a second", async () => {
    const { brokers, push, pump, pass } = startSender(topics);
    push("t/0", "a");
    await pump();
    pass(500);
    await brokers.last.answer();
    push("t/0", "b");
    await pump();
    assert.equal(brokers.last.channel, MAIN);
  });

  it("have one connection per topic", async () => {
    const { brokers, push, pump } = await slowed("t/0", "t/1", "u/0");
    for (const place of ["t/0", "t/1", "u/0"]) push(place, "a");
    await pump();
    const [t, u] = brokers.requests.slice(1);
    assert.deepEqual([t?.places, u?.places], [["t/0", "t/1"], ["u/0"]]);
    assert.notEqual(t?.channel, u?.channel);
    push("t/0", "b");
    await pump();
    assert.equal(brokers.requests.length, 3);
    await t?.answer();
    assert.deepEqual([brokers.last.channel, brokers.last.places], [MAIN, ["t/0"]]);
  });

  it("wait for their topic's connection while another of the topic has it", async () => {
    const { brokers, push, pump } = await slowed("t/0", "t/1");
    push("t/0", "a");
    await pump();
    push("t/1", "b");
    await pump();
    assert.equal(brokers.requests.length, 2);
    const { channel } = brokers.last;
    await brokers.last.answer();
    assert.deepEqual([brokers.last.places, brokers.last.channel], [["t/1"], channel]);
  });

  it("travel one by one where all of them together were slow again", async () => {
    const { brokers, push, pump, pass } = await slowed("t/0", "t/1");
    push("t/0", "a");
    push("t/1", "b");
    await pump();
    pass(501);
    push("t/0", "c");
    push("t/1", "d");
    await brokers.last.answer();
    assert.deepEqual(brokers.last.places, ["t/0"]);
    await brokers.last.answer();
    assert.deepEqual(brokers.last.places, ["t/1"]);
  });

  for (const [title, error, next] of [
    ["one by one after a request that timed out", tooSlow, ["t/0"]],
    ["together after a lost connection", new BrokerGone("lost", { sent: true }), ["t/0", "t/1"]],
  ] as const)
    it(`are sent ${title}`, async () => {
      const { brokers, push, pump, later } = await slowed("t/0", "t/1");
      push("t/0", "a");
      push("t/1", "b");
      await pump();
      await brokers.last.fail(error);
      await later(PAUSE);
      assert.deepEqual(brokers.last.places, next);
    });

  it("include those of a request that timed out", async () => {
    const { brokers, push, pump, later } = startSender(topics);
    push("t/0", "a");
    await pump();
    await brokers.last.fail(tooSlow);
    await later(PAUSE);
    assert.notEqual(brokers.last.channel, MAIN);
  });
});
