// Partitions and timestamps in requests.

import { strict as assert } from "node:assert";
import { baseDraft } from "../../../../src/http/produce/formats/raw.ts";
import {
  checkPartition,
  checkTimestamp,
  parseTimestamp,
} from "../../../../src/http/produce/formats/values.ts";
import { thrownCode } from "../../../support/codes.ts";

describe("http: partition numbers", () => {
  for (const partition of [0, 1, 2147483647])
    it(`${partition} is valid`, () => assert.equal(checkPartition(partition), partition));
  for (const partition of [-1, 1.5, 2147483648, Number.NaN, Number.POSITIVE_INFINITY])
    it(`${partition} is invalid: 404`, () =>
      assert.equal(
        thrownCode(() => checkPartition(partition)),
        40402,
      ));
});

describe("http: timestamps", () => {
  it("with an unencoded + in the time zone are refused with the way to send it", () => {
    const messageOf = (query: string): string => {
      try {
        baseDraft({ query, partition: undefined, rawHeaders: [] });
      } catch (error) {
        return (error as Error).message;
      }
      return "";
    };
    assert.match(messageOf("timestamp=2026-01-31T12:00:00+02:00"), /Send the \+ of a time zone as %2B\.$/);
    assert.equal(messageOf("timestamp=2026-01-31T12:00:00%2B02:00"), "");
    assert.doesNotMatch(messageOf("timestamp=yesterday"), /%2B/);
  });
  for (const time of [0, 1, 8.64e15]) it(`${time} is valid`, () => assert.equal(checkTimestamp(time), time));
  for (const time of [-1, 0.5, 8.64e15 + 2, Number.NaN])
    it(`${time} is invalid: 400`, () =>
      assert.equal(
        thrownCode(() => checkTimestamp(time)),
        40001,
      ));

  const good: Readonly<Record<string, number>> = {
    "0": 0,
    "1767225600000": 1767225600000,
    "1970-01-01T00:00:00Z": 0,
    "1970-01-01t00:00:00z": 0,
    "1970-01-01T00:00:01.5Z": 1500,
    "1970-01-01T00:00:00.123456789Z": 123,
    "1970-01-01T01:00:00+01:00": 0,
    "1969-12-31T22:30:00-01:30": 0,
    "2024-02-29T00:00:00Z": Date.UTC(2024, 1, 29),
    "2025-12-31T23:59:59Z": Date.UTC(2025, 11, 31, 23, 59, 59),
  };
  for (const [text, time] of Object.entries(good))
    it(`"${text}" is ${time}`, () => assert.equal(parseTimestamp(text), time));

  const bad = [
    "",
    "-1",
    "1.5",
    "1e3",
    " 1",
    "1 ",
    "x1",
    "8640000000000001000",
    "yesterday",
    "1970-01-01",
    "1970-01-01T00:00:00",
    "1970-01-01T00:00Z",
    "1970-01-01T00:00:00.Z",
    "1970-01-01T00:00:00+1:00",
    "1970-01-01T00:00:00+0100",
    "1970-01-01T00:00:00Z ",
    " 1970-01-01T00:00:00Z",
    "70-01-01T00:00:00Z",
    "1970-1-01T00:00:00Z",
    "1970-01-1T00:00:00Z",
    "1970-01-01T0:00:00Z",
    "1970-01-01T00:0:00Z",
    "1970-01-01T00:00:0Z",
    "01970-01-01T00:00:00Z",
    "1970-01-01T25:00:00Z",
    "1970-13-01T00:00:00Z",
    "2025-02-29T00:00:00Z",
    "2025-02-30T00:00:00Z",
    "2025-04-31T00:00:00Z",
    "1969-12-31T23:59:59Z",
  ];
  for (const text of bad)
    it(`"${text}" is invalid: 400`, () =>
      assert.equal(
        thrownCode(() => parseTimestamp(text)),
        40001,
      ));
});
