// Complete requests and responses, byte for byte.

import { strict as assert } from "node:assert";
import { array, int8, int32, string, struct } from "../../src/wire/codec.ts";
import {
  decodeResponse,
  encodeRequest,
  encodeResponse,
  readRequestBody,
  readRequestHeader,
} from "../../src/wire/message.ts";
import { ApiVersions, api } from "../../src/wire/messages/cluster.ts";
import { Reader } from "../../src/wire/reader.ts";

/** An API of version 0, and version 1, which is flexible. */
const Test = api("Test", 7, [0, 1], 1, struct({ name: string }), struct({ codes: array(int8), at: int32 }));
const header = { correlationId: 9, clientId: "me" };

describe("wire: message", () => {
  it("declares an API with its name, key and first flexible version", () => {
    assert.deepEqual([Test.name, Test.key, Test.flexibleSince], ["Test", 7, 1]);
  });

  it("writes a request: length, header, client id, body", () => {
    const hex = (version: number): string =>
      encodeRequest(Test, version, header, { name: "x" }).toString("hex");
    assert.equal(hex(0), "0000000f" + "0007000000000009" + "00026d65" + "000178");
    // Flexible: tags end the header and the body, the name is compact, the client id is not.
    assert.equal(hex(1), "00000010" + "0007000100000009" + "00026d65" + "00" + "0278" + "00");
  });

  it("writes a request without a client id", () => {
    const bytes = encodeRequest(Test, 0, { correlationId: 9, clientId: null }, { name: "x" });
    assert.equal(bytes.toString("hex"), "0000000d" + "0007000000000009" + "ffff" + "000178");
    assert.equal(readRequestHeader(new Reader(bytes, 4)).clientId, null);
  });

  it("reads the request that was written, in every version", () => {
    for (const version of [0, 1]) {
      const reader = new Reader(encodeRequest(Test, version, header, { name: "x" }), 4);
      assert.deepEqual(readRequestHeader(reader), { apiKey: 7, apiVersion: version, ...header });
      assert.deepEqual(readRequestBody(Test, version, reader), { name: "x" });
      assert.equal(reader.remaining, 0);
    }
  });

  it("skips the tagged fields in the header of a request", () => {
    const reader = new Reader(Buffer.from("010002aabb" + "0278" + "00", "hex"));
    assert.deepEqual(readRequestBody(Test, 1, reader), { name: "x" });
  });

  it("writes a response: length, correlation id, body", () => {
    const body = { codes: [1], at: 2 };
    const hex = (version: number): string => encodeResponse(Test, version, 9, body).toString("hex");
    assert.equal(hex(0), "0000000d" + "00000009" + "0000000101" + "00000002");
    assert.equal(hex(1), "0000000c" + "00000009" + "00" + "0201" + "00000002" + "00");
    for (const version of [0, 1])
      assert.deepEqual(
        decodeResponse(Test, version, encodeResponse(Test, version, 9, body).subarray(4)),
        body,
      );
  });

  it("writes an ApiVersions response without tagged fields in its header, for old clients", () => {
    const body = { errorCode: 35, apiKeys: [], throttleTimeMs: 0 };
    const bytes = encodeResponse(ApiVersions, 3, 9, body);
    assert.equal(bytes.toString("hex"), "0000000c" + "00000009" + "0023" + "01" + "00000000" + "00");
    assert.deepEqual(decodeResponse(ApiVersions, 3, bytes.subarray(4)), body);
  });
});
