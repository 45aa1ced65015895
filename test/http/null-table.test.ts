// The null table (docs/http.md), row by row, in every format.

import { strict as assert } from "node:assert";
import { useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { post, V2_BINARY, V2_JSON, V2_TEXT } from "../support/http.ts";
import { readPartition } from "../support/read-back.ts";

const rows: [name: string, type: string, record: string, value: string | null][] = [
  ["json: null is a tombstone", V2_JSON, '{"value":null}', null],
  ["json: an absent value is a tombstone", V2_JSON, '{"key":"k"}', null],
  ["json: 0 is a value", V2_JSON, '{"value":0}', "0"],
  ["json: false is a value", V2_JSON, '{"value":false}', "false"],
  ['json: "" is a value', V2_JSON, '{"value":""}', '""'],
  ["json: {} is a value", V2_JSON, '{"value":{}}', "{}"],
  ["json: [] is a value", V2_JSON, '{"value":[]}', "[]"],
  ["binary: null is a tombstone", V2_BINARY, '{"value":null}', null],
  ["binary: an absent value is a tombstone", V2_BINARY, '{"key":"aw=="}', null],
  ['binary: "" is zero bytes', V2_BINARY, '{"value":""}', ""],
  ["text: null is a tombstone", V2_TEXT, '{"value":null}', null],
  ["text: an absent value is a tombstone", V2_TEXT, '{"key":"k"}', null],
  ['text: "" is zero bytes', V2_TEXT, '{"value":""}', ""],
];

describe("http: the null table", () => {
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());

  for (const [name, type, record, value] of rows) {
    it(name, async () => {
      const topic = await broker.topic();
      assert.equal((await post(gateway(), `/topics/${topic}`, type, `{"records":[${record}]}`)).status, 200);
      const [stored] = await readPartition(broker.addresses(), topic);
      assert.equal(stored?.value === null ? null : stored?.value.toString(), value);
    });
  }

  it("raw: JSON null is the four bytes", async () => {
    const topic = await broker.topic();
    assert.equal((await post(gateway(), `/topics/${topic}`, "application/json", "null")).status, 200);
    assert.equal((await readPartition(broker.addresses(), topic))[0]?.value?.toString(), "null");
  });

  it("raw: an empty body is a 400", async () => {
    const topic = await broker.topic();
    for (const type of ["application/json", "application/octet-stream", undefined]) {
      const { status, body } = await post(gateway(), `/topics/${topic}`, type, "");
      assert.deepEqual([status, body.error_code], [400, 40001]);
    }
    assert.deepEqual(await readPartition(broker.addresses(), topic), []);
  });

  it("keys: JSON keeps its quotes, text and ?key= have none, null is no key", async () => {
    const topic = await broker.topic();
    await post(
      gateway(),
      `/topics/${topic}`,
      V2_JSON,
      '{"records":[{"key":"a","value":1},{"key":null,"value":1},{"key":0,"value":1},{"key":{"id": 1},"value":1}]}',
    );
    await post(gateway(), `/topics/${topic}`, V2_TEXT, '{"records":[{"key":"a","value":"1"}]}');
    await post(gateway(), `/topics/${topic}?key=a`, undefined, "1");
    await post(gateway(), `/topics/${topic}?key=`, undefined, "1");
    const keys = (await readPartition(broker.addresses(), topic)).map(({ key }) => key?.toString());
    assert.deepEqual(keys, ['"a"', undefined, "0", '{"id": 1}', "a", "a", ""]);
  });
});
