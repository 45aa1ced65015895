// The topics that are internal to Kafka or Onramp.

import { strict as assert } from "node:assert";
import { reservedReason, unwritableReason } from "../../src/core/topics.ts";

describe("core: names of topics", () => {
  it("may be read, except Kafka's internal topics and the state of sources", () => {
    assert.equal(
      reservedReason("__consumer_offsets", "ns"),
      '"__consumer_offsets" is an internal topic of Kafka.',
    );
    assert.equal(reservedReason("ns.sources", "ns"), `"ns.sources" contains the state of Onramp's sources.`);
    for (const name of ["_x", "x__", "other.sources", "ns.sources.x", "ns", "a.dead-letter"])
      assert.equal(reservedReason(name, "ns"), undefined, name);
  });
  it("may be written if they may be read, except dead letters", () => {
    const reason = '"a.dead-letter" contains dead letters and can only be read.';
    assert.equal(unwritableReason("a.dead-letter", "ns"), reason);
    assert.equal(unwritableReason("__x", "ns"), '"__x" is an internal topic of Kafka.');
    assert.match(unwritableReason("ns.sources", "ns") ?? "", /state/);
    for (const name of ["a", "a.dead-letter.b", "dead-letter"])
      assert.equal(unwritableReason(name, "ns"), undefined, name);
  });
});
