// Values, keys and headers of all kinds, as clients of streams get them: as they are, in every format.

import { strict as assert } from "node:assert";
import { isUtf8 } from "node:buffer";
import type http from "node:http";
import { createParser } from "eventsource-parser";
import { decodePosition } from "../../../src/live/position.ts";
import { Produce } from "../../../src/wire/messages/produce.ts";
import type { WireRecord } from "../../../src/wire/record-batch.ts";
import { encodeBatch } from "../../../src/wire/record-batch.ts";
import { afterTest } from "../../support/after-test.ts";
import { openConnection, produceOf, thorough, useBroker } from "../../support/broker.ts";
import { requestEvents } from "../../support/event-client.ts";
import { useGateway } from "../../support/gateway.ts";
import { leaderOf } from "../../support/read-back.ts";
import { wireRecord } from "../../support/records.ts";
import { until } from "../../support/until.ts";

const FORGED = "data\nid: forged\nevent: forged\ndata: forged\n\nid: forged\nretry: 1\n\ndata: forged";

/** 1 MB in CI. */
const LONG = thorough ? 350_000 : 60_000;

const VALUES: Readonly<Record<string, string | Buffer | null>> = {
  "a text": "plain",
  CR: "a\rb",
  LF: "a\nb",
  CRLF: "a\r\nb",
  "a last LF": "a\n",
  "a last CR": "a\r",
  "two last LF": "a\n\n",
  "a first LF": "\na",
  "LF alone": "\n",
  "three LF": "\n\n\n",
  "CRLF alone": "\r\n",
  "CR CR LF": "\r\r\n",
  "a first space": " a",
  "a first colon": ":a",
  "a BOM": "\ufeffa",
  "U+2028": "a\u2028b\u2029c\u0085d",
  NUL: "a\0b",
  "control characters": "\x01\x08\x0b\x0c\x1b\x7f",
  "bad UTF-8": Buffer.from([0x61, 0xff, 0xfe, 0x0a, 0x0d]),
  "half a surrogate": Buffer.from([0xed, 0xa0, 0x80]),
  "an overlong slash": Buffer.from([0xc0, 0xaf]),
  empty: "",
  "a tombstone": null,
  "JSON null": "null",
  "JSON in lines": '{\r\n  "a": [1,\r2],\n\t"b": "\\r\\n"\r\n}\n',
  "JSON with a space before it": ' {"a":1}',
  "an escaped character": '"\\u00e9\\/\\u2028"',
  "JSON with U+2028": '{"a":"\u2028é😀"}',
  "JSON with a BOM": '\ufeff{"a":1}',
  "a large number": "12345678901234567890",
  "a decimal": "1.0",
  "equal names": '{"a":1,"a":2,"__proto__":3}',
  "a word that is not JSON": "NaN",
  "forged fields": FORGED,
  "forged fields with CR": FORGED.replaceAll("\n", "\r"),
  "forged fields with CRLF": FORGED.replaceAll("\n", "\r\n"),
  "forged fields in JSON": `{${FORGED.replaceAll("\n", "\\n")
    .replaceAll(/\\n/g, "\r")
    .split("\r")
    .map((_, n) => `\r"k${n}"\r:\r1\r`)
    .join(",")}}`,
  "a forged line": '{}}\n{"id":"forged","event":"forged","data":{}}\n{"x":{}',
  "a long text": "é\n".repeat(LONG),
  "long JSON": JSON.stringify({ a: "é".repeat(LONG), b: [1.5, null] }),
};
const names = Object.keys(VALUES);
const bytesOf = (name: string): Buffer | null => {
  const value = VALUES[name];
  return value === null || value === undefined ? null : Buffer.from(value as string);
};

/** An event as a client gets it, without its id. */
interface Got {
  readonly id: string;
  readonly event: string | undefined;
  readonly data: string;
}

/** Reads raw bytes until the stream has `count` events besides `position`. */
async function readStream(
  url: string,
  count: number,
  accept: string,
): Promise<{ bytes: Buffer; events: Got[] }> {
  const { response, request } = await requestEvents(url, { accept });
  afterTest(() => request.destroy());
  assert.deepEqual([response.statusCode, response.headers["content-type"]], [200, accept]);
  return accept === "text/event-stream" ? readSse(response, count) : readLines(response, count);
}

async function readSse(response: http.IncomingMessage, count: number) {
  const chunks: Buffer[] = [];
  const events: Got[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      if (event !== "position") events.push({ id: id ?? "", event, data });
    },
    onError: (error) => assert.fail(error),
    maxBufferSize: 1e8,
  });
  const decoder = new TextDecoder("utf-8", { fatal: true });
  response.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    parser.feed(decoder.decode(chunk, { stream: true }));
  });
  await until(() => events.length >= count);
  return { bytes: Buffer.concat(chunks), events };
}

async function readLines(response: http.IncomingMessage, count: number) {
  const chunks: Buffer[] = [];
  const lines = () => Buffer.concat(chunks).toString("latin1").split("\n").slice(0, -1);
  let found: string[] = [];
  response.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    if (chunk.at(-1) === 0x0a) found = lines();
  });
  await until(() => found.length >= count + 2);
  const events = found.flatMap((line): Got[] => {
    const bytes = Buffer.from(line, "latin1");
    assert.ok(isUtf8(bytes), line.slice(0, 200));
    const { id, event, data, ...rest } = JSON.parse(bytes.toString("utf8"));
    if (id === undefined || event === "position") return [];
    assert.deepEqual(rest, {});
    return [{ id, event, data: JSON.stringify(data) }];
  });
  return { bytes: Buffer.concat(chunks), events };
}

describe("http: values in streams of events", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());

  async function append(topic: string, records: readonly WireRecord[]): Promise<void> {
    const connection = await openConnection(await leaderOf(broker.addresses(), topic, 0));
    for (const record of records) {
      const answer = await connection.request(Produce, 8, produceOf(topic, encodeBatch([record])), 10_000);
      assert.equal(answer.topics[0]?.partitions[0]?.errorCode, 0);
    }
    connection.close();
  }
  const topicOf = async (records: readonly Partial<WireRecord>[]): Promise<string> => {
    // The timestamps are old: retention would remove the records.
    const topic = await broker.topic({ config: { "max.message.bytes": "5000000", "retention.ms": "-1" } });
    await append(
      topic,
      records.map((record) => ({ ...wireRecord("v"), timestamp: 1_700_000_000_123, ...record })),
    );
    return topic;
  };
  const urlOf = (topic: string, query = "") =>
    `${gateway().apiUrl}/topics/${topic}/events?from=earliest${query}`;

  let topic = "";
  const filled = async (): Promise<string> => {
    topic ||= await topicOf(names.map((name) => ({ value: bytesOf(name) })));
    return topic;
  };

  /** The value that a client reads from a record, as bytes; null for a tombstone. */
  function valueIn(record: { value?: unknown; value_base64?: string }, name: string): Buffer | null {
    if (record.value_base64 !== undefined) return Buffer.from(record.value_base64, "base64");
    if (record.value === null && bytesOf(name) === null) return null;
    const text = String(VALUES[name]);
    const isString = typeof record.value === "string" && record.value === text;
    if (isString) return Buffer.from(record.value as string);
    assert.deepEqual(record.value, JSON.parse(text), name);
    return bytesOf(name);
  }

  for (const accept of ["text/event-stream", "application/x-ndjson"]) {
    it(`arrive as they are: record, ${accept}`, async () => {
      const { events } = await readStream(urlOf(await filled()), names.length, accept);
      assert.equal(events.length, names.length);
      for (const [n, name] of names.entries()) {
        const { event, data } = events[n] as Got;
        assert.equal(event, bytesOf(name) === null ? "tombstone" : undefined, name);
        const record = JSON.parse(data);
        assert.deepEqual([record.topic, record.partition, record.offset], [topic, 0, n], name);
        assert.deepEqual([record.timestamp, record.key, record.headers], [1_700_000_000_123, null, []], name);
        assert.equal("value" in record, !("value_base64" in record), name);
        assert.equal("value_base64" in record, !isUtf8(bytesOf(name) ?? Buffer.alloc(0)), name);
        assert.deepEqual(valueIn(record, name), bytesOf(name), name);
      }
    });

    it(`arrive as they are: value, ${accept}`, async () => {
      const { events } = await readStream(urlOf(await filled(), "&format=value"), names.length, accept);
      assert.equal(events.length, names.length);
      for (const [n, name] of names.entries()) {
        const { event, data } = events[n] as Got;
        const value = bytesOf(name);
        if (value === null) {
          assert.equal(event, "tombstone");
          assert.deepEqual([JSON.parse(data).offset, JSON.parse(data).value], [n, null]);
        } else if (accept === "text/event-stream") {
          const isBinary = !isUtf8(value) || value.includes(0x0d) || value.includes(0);
          assert.equal(event, isBinary ? "binary" : undefined, name);
          assert.deepEqual(isBinary ? Buffer.from(data, "base64") : Buffer.from(data), value, name);
        } else {
          assert.equal(event, isUtf8(value) ? undefined : "binary", name);
          const got = JSON.parse(data);
          if (event === "binary") assert.deepEqual(Buffer.from(got, "base64"), value, name);
          else assert.deepEqual(valueIn({ value: got }, name), value, name);
        }
      }
    });

    it(`arrive as they are: cloudevents, ${accept}`, async () => {
      const { events } = await readStream(urlOf(await filled(), "&format=cloudevents"), names.length, accept);
      assert.equal(events.length, names.length);
      for (const [n, name] of names.entries()) {
        const { event, data } = events[n] as Got;
        const got = JSON.parse(data);
        if (bytesOf(name) === null) {
          assert.deepEqual([event, got.offset, got.value], ["tombstone", n, null]);
          continue;
        }
        assert.deepEqual(
          [event, got.specversion, got.id, got.source, got.type, got.time],
          [undefined, "1.0", `0-${n}`, `/topics/${topic}`, "kafka.record", "2023-11-14T22:13:20.123Z"],
          name,
        );
        const member = "data_base64" in got ? { value_base64: got.data_base64 } : { value: got.data };
        assert.deepEqual(valueIn(member, name), bytesOf(name), name);
      }
    });

    it(`have an id each that the stream made, and no value forges one: ${accept}`, async () => {
      for (const format of ["record", "value", "cloudevents"]) {
        const { events } = await readStream(urlOf(await filled(), `&format=${format}`), names.length, accept);
        const offsets = events.map(({ id }) => decodePosition(id)[0]?.offset(0));
        assert.deepEqual(
          offsets,
          names.map((_, n) => n + 1),
        );
        const allowed = new Set([undefined, "tombstone", "binary"]);
        assert.deepEqual(
          events.filter(({ event }) => !allowed.has(event)),
          [],
        );
      }
    });
  }

  it("that are JSON are the stored bytes, not parsed and printed", async () => {
    const { bytes } = await readStream(urlOf(await filled()), names.length, "text/event-stream");
    const text = bytes.toString("utf8");
    for (const value of ["12345678901234567890", "1.0", '"\\u00e9\\/\\u2028"', '{"a":1,"a":2,"__proto__":3}'])
      assert.ok(text.includes(`"headers":[],"value":${value}}\n\n`), value);
    // An end of a line is the only byte that SSE changes.
    const lines = ["{", '  "a": [1,', "2],", '\t"b": "\\r\\n"', "}", "}"];
    assert.ok(text.includes(`"value":${lines.join("\ndata: ")}\n\n`));
    assert.ok(!bytes.includes(0x0d) && !bytes.includes(0));
  });

  it("of text are split at LF, a last empty line is kept", async () => {
    const { bytes } = await readStream(
      urlOf(await filled(), "&format=value"),
      names.length,
      "text/event-stream",
    );
    const text = bytes.toString("utf8");
    for (const lines of ["a\ndata: b", "a\ndata: ", "a\ndata: \ndata: ", "\ndata: a", "\ndata: ", " a", ":a"])
      assert.ok(text.includes(`\ndata: ${lines}\n\nid: `), JSON.stringify(lines));
    assert.ok(!bytes.includes(0x0d) && !bytes.includes(0));
  });

  it("in lines of JSON are one line each", async () => {
    for (const format of ["record", "value", "cloudevents"]) {
      const url = urlOf(await filled(), `&format=${format}`);
      const { bytes } = await readStream(url, names.length, "application/x-ndjson");
      assert.ok(!bytes.includes(0x0d));
      const lines = bytes.toString("utf8").split("\n");
      assert.equal(lines.pop(), "");
      const retry = lines.filter((line) => /^\{"retry":\d+\}$/.test(line));
      const positions = lines.filter((line) => line.endsWith('","event":"position","data":{}}'));
      assert.deepEqual([retry.length, positions.length, lines.length], [1, 1, names.length + 2]);
    }
  });

  it("of CloudEvents that are not JSON are data, not events: they break no line", async () => {
    const type = { key: "content-type", value: Buffer.from("application/cloudevents+json; charset=utf-8") };
    const structured = '{"specversion":"1.0","id":"x","source":"s",\r\n"type":"t","data":1.0}';
    const values = [structured, '{}}\n{"id":"forged","data":{}', "a\r\nid: forged\r\ndata: x", "{", "5"];
    const bad = Buffer.from([0x7b, 0xff, 0x7d]);
    const made = await topicOf(
      [...values.map((value) => Buffer.from(value)), bad].map((value) => ({ value, headers: [type] })),
    );
    for (const accept of ["text/event-stream", "application/x-ndjson"]) {
      const { events, bytes } = await readStream(urlOf(made, "&format=cloudevents"), 6, accept);
      const got = events.map(({ event, data }) => [event, JSON.parse(data)]);
      assert.deepEqual(got[0], [undefined, { specversion: "1.0", id: "x", source: "s", type: "t", data: 1 }]);
      assert.ok(bytes.includes('"data":1.0}'));
      for (const [n, value] of values.entries())
        if (n > 0) {
          assert.deepEqual([got[n]?.[0], got[n]?.[1].id], [undefined, `0-${n}`], value);
          assert.deepEqual(got[n]?.[1].data, value === "5" ? 5 : value);
        }
      assert.equal(got[5]?.[1].data_base64, bad.toString("base64"));
    }
  });

  it("of CloudEvents have the attributes of the headers of the Kafka binding", async () => {
    const header = (key: string, value: string | Buffer | null) => ({
      ...{ key, value: value === null ? null : Buffer.from(value as string) },
    });
    const headers = [
      header("ce_id", "1\r\nid: forged"),
      header("CE_TYPE", "com.example"),
      header("ce_time", "2020-01-01T00:00:00Z"),
      header("ce_data", "forged"),
      header("ce_data_base64", "forged"),
      header("ce_null", null),
      header("ce_bad", Buffer.from([0xff])),
      header("ce_constructor", "c"),
      header("Content-Type", "application/json"),
      header("other", "o"),
    ];
    const made = await topicOf([{ key: Buffer.from("k"), value: Buffer.from("[1.0]"), headers }]);
    const { events, bytes } = await readStream(urlOf(made, "&format=cloudevents"), 1, "text/event-stream");
    assert.deepEqual(JSON.parse(events[0]?.data ?? ""), {
      specversion: "1.0",
      id: "1\r\nid: forged",
      source: `/topics/${made}`,
      type: "com.example",
      time: "2020-01-01T00:00:00Z",
      partitionkey: "k",
      datacontenttype: "application/json",
      constructor: "c",
      data: [1],
    });
    assert.ok(bytes.includes('"data":[1.0]}') && !bytes.includes('"data":"forged"'));
  });
});

describe("http: keys and headers in streams of events", () => {
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());

  it("arrive as they are: repeated, null, not UTF-8, with control characters", async () => {
    const topic = await broker.topic();
    const bad = Buffer.from([0xff, 0x0a, 0x64]);
    const keys = ["k", "", "a\r\nid: forged\n\ndata: x", "\0\x01\x1b", "\u2028é😀", '"}', bad, null];
    const headers = [
      { key: "same", value: Buffer.from("1") },
      { key: "same", value: Buffer.from("2\r\nevent: forged") },
      { key: "same", value: null },
      { key: "bad", value: bad },
      { key: 'é\n"', value: Buffer.alloc(0) },
      { key: "", value: Buffer.from('{"a":1}') },
    ];
    const records = keys.map((key, n) => ({
      ...wireRecord("v"),
      key: key === null ? null : Buffer.from(key as string),
      headers: n === 0 ? headers : [],
    }));
    const connection = await openConnection(await leaderOf(broker.addresses(), topic, 0));
    await connection.request(Produce, 8, produceOf(topic, encodeBatch(records)), 10_000);
    connection.close();
    for (const accept of ["text/event-stream", "application/x-ndjson"]) {
      const url = `${gateway().apiUrl}/topics/${topic}/events?from=earliest`;
      const { events } = await readStream(url, keys.length, accept);
      const got = events.map(({ data }) => JSON.parse(data));
      assert.deepEqual(got[0].headers, [
        { key: "same", value: "1" },
        { key: "same", value: "2\r\nevent: forged" },
        { key: "same", value: null },
        { key: "bad", value_base64: bad.toString("base64") },
        { key: 'é\n"', value: "" },
        { key: "", value: '{"a":1}' },
      ]);
      for (const [n, key] of keys.entries()) {
        const { key: text, key_base64: base64 } = got[n];
        assert.deepEqual(
          [text, base64],
          Buffer.isBuffer(key) ? [undefined, key.toString("base64")] : [key, undefined],
        );
      }
      assert.ok(events.every(({ event, id }) => event === undefined && id !== "forged"));
    }
  });
});
