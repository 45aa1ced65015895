// Dates, times and intervals.

import { strict as assert } from "node:assert";
import { jsonOf } from "./named-types.ts";

describe("sources: postgres values, dates", () => {
  it("counts the days of a date in the proleptic Gregorian calendar", () => {
    const days: [string, number][] = [
      ["1970-01-01", 0],
      ["1969-12-31", -1],
      ["2024-02-29", 19_782],
      ["1582-10-05", -141_437],
      ["0001-01-01", -719_162],
      ["0044-03-15 BC", -735_160],
      ["4713-01-01 BC", -2_440_550],
      ["5874897-12-31", 2_145_042_905],
      ["infinity", 2_147_483_647],
      ["-infinity", -2_147_483_648],
    ];
    for (const [text, day] of days) assert.equal(jsonOf("date", text), String(day), text);
  });

  it("counts the days as Date does, around every turn of a month and a century", () => {
    for (let year = 1; year < 2500; year += 7)
      for (const month of [1, 2, 3, 12])
        for (const day of [1, 28]) {
          const date = new Date(0);
          date.setUTCFullYear(year, month - 1, day);
          const text = date.toISOString().slice(0, 10);
          assert.equal(jsonOf("date", text), String(date.getTime() / 86_400_000), text);
        }
  });

  it("writes a timestamp in microseconds, or in milliseconds up to a precision of 3", () => {
    const timestamps: [string, number, string][] = [
      ["2024-02-29 12:34:56.789012", -1, "1709210096789012"],
      ["2024-02-29 12:34:56", -1, "1709210096000000"],
      ["2024-02-29 12:34:56.1", 6, "1709210096100000"],
      ["2024-02-29 12:34:56.7891", 4, "1709210096789100"],
      ["2024-02-29 12:34:56.78", 3, "1709210096780"],
      ["2024-02-29 12:34:56", 0, "1709210096000"],
      ["1970-01-01 00:00:00", -1, "0"],
      ["1970-01-01 00:00:00.000012", -1, "12"],
      ["1969-12-31 23:59:59.999999", -1, "-1"],
      ["1969-12-31 23:59:59", -1, "-1000000"],
      ["1969-12-31 23:59:58.000001", -1, "-1999999"],
      ["1969-12-31 23:59:57.999999", -1, "-2000001"],
      ["1969-12-31 23:59:59.9", 3, "-100"],
      ["10000-01-01 12:34:56.789012", -1, "253402346096789012"],
      ["0044-03-15 12:34:56.5 BC", 3, "-63517778703500"],
      ["4713-01-01 00:00:00 BC", -1, "-210863520000000000"],
      ["294276-12-31 23:59:59.999999", -1, "9224318015999999999"],
      ["infinity", -1, "9223372036854775807"],
      ["-infinity", -1, "-9223372036854775808"],
      ["infinity", 3, "9223372036825200000"],
      ["-infinity", 0, "-9223372036832400000"],
    ];
    for (const [text, modifier, json] of timestamps)
      assert.equal(jsonOf("timestamp", text, modifier), json, text);
  });

  it("writes a timestamptz in ISO 8601, with the decimals of the column", () => {
    const timestamps: [string, number, string][] = [
      ["2024-02-29 10:34:56.789012+00", -1, "2024-02-29T10:34:56.789012Z"],
      ["2024-01-01 00:00:00+00", -1, "2024-01-01T00:00:00.000000Z"],
      ["2024-01-01 00:00:00.12+00", 3, "2024-01-01T00:00:00.120Z"],
      ["2024-01-01 00:00:00+00", 3, "2024-01-01T00:00:00.000Z"],
      ["2024-01-01 00:00:00+00", 0, "2024-01-01T00:00:00Z"],
      ["2024-01-01 00:00:00.5+00", 1, "2024-01-01T00:00:00.5Z"],
      ["99999-01-01 00:00:00.5+00", 3, "+99999-01-01T00:00:00.500Z"],
      ["0001-12-31 12:34:56+00 BC", 0, "0000-12-31T12:34:56Z"],
      ["0044-03-15 12:34:56.789012+00 BC", -1, "-0043-03-15T12:34:56.789012Z"],
      ["infinity", -1, "infinity"],
      ["-infinity", 3, "-infinity"],
    ];
    for (const [text, modifier, json] of timestamps)
      assert.equal(jsonOf("timestamptz", text, modifier), `"${json}"`, text);
  });

  it("keeps the text of a timestamp that is not in UTC, rather than write a wrong time", () => {
    assert.equal(jsonOf("timestamptz", "2024-01-01 00:00:00+05:30"), '"2024-01-01 00:00:00+05:30"');
  });

  it("writes a time in microseconds, or in milliseconds up to a precision of 3", () => {
    assert.equal(jsonOf("time", "12:34:56.789012"), "45296789012");
    assert.equal(jsonOf("time", "12:34:56.789", 3), "45296789");
    assert.equal(jsonOf("time", "12:34:56", 0), "45296000");
    assert.equal(jsonOf("time", "00:00:00.00001"), "10");
    assert.equal(jsonOf("time", "00:00:00"), "0");
    assert.equal(jsonOf("time", "24:00:00"), "86400000000");
  });

  it("converts a timetz to UTC, without zeros at the end", () => {
    const times: [string, string][] = [
      ["12:34:56.789012+05:30", "07:04:56.789012Z"],
      ["10:00:00.12-03:30", "13:30:00.12Z"],
      ["01:00:00+05", "20:00:00Z"],
      ["23:00:00-02", "01:00:00Z"],
      ["12:00:00+01:02:03", "10:57:57Z"],
      ["00:00:00.5-00:00:01", "00:00:01.5Z"],
      ["24:00:00+00", "24:00:00Z"],
      ["24:00:00+02", "22:00:00Z"],
      ["24:00:00-15:59:59", "15:59:59Z"],
    ];
    for (const [text, json] of times) assert.equal(jsonOf("timetz", text), `"${json}"`, text);
  });

  it("writes an interval in microseconds, with months of 30.4375 days", () => {
    const intervals: [string, string][] = [
      ["00:00:00", "0"],
      ["-00:00:00.000001", "-1"],
      ["1 day", "86400000000"],
      ["1 day -00:00:01", "86399000000"],
      ["1 mon -1 days +02:00:00", "2550600000000"],
      ["-1 mons +1 day", "-2543400000000"],
      ["-1 years", "-31557600000000"],
      ["1 year 2 mons 3 days 04:05:06.789012", "37091106789012"],
      ["100:00:00.000001", "360000000001"],
      ["9999 years 11 mons 29 days 23:59:59.999999", "315575962199999999"],
      ["178000000 years", "9223372036854775807"],
      ["-178956970 years -8 mons", "-9223372036854775808"],
      ["infinity", "9223372036854775807"],
      ["-infinity", "-9223372036854775808"],
    ];
    for (const [text, json] of intervals) assert.equal(jsonOf("interval", text), json, text);
  });
});
