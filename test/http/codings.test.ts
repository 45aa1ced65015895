// Bodies with codings, in every format and for webhooks, with real requests.

import { strict as assert } from "node:assert";
import { gzipSync } from "node:zlib";
import { startApi } from "../support/api.ts";
import { NDJSON, rawExchange, V2_BINARY } from "../support/http.ts";

const targets = [
  ["raw", "/topics/t", "application/octet-stream", "v"],
  ["an envelope", "/topics/t", V2_BINARY, '{"records":[{"value":"dg=="}]}'],
  ["lines", "/topics/t", NDJSON, "1"],
  ["a webhook", "/webhooks/w", "application/json", "1"],
] as const;
const webhooks = new Map([
  [
    "w",
    {
      deadlineMs: 5000,
      onInvalid: "refuse",
      topics: [],
      verify: () => assert.fail("a delivery with a coding must not be verified"),
      draftsOf: () => assert.fail("a delivery with a coding must not be converted"),
    },
  ],
] as const);

describe("http: codings of bodies", () => {
  for (const [name, path, type, body] of targets)
    it(`other transfer codings than chunked are refused for ${name}: 400, and nothing is written`, async () => {
      const api = await startApi({ webhooks });
      const chunk = gzipSync(body);
      for (const codings of [
        "gzip, chunked",
        "deflate, chunked",
        "identity, chunked",
        "GZIP,Chunked",
        "gzip",
      ]) {
        const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: ${type}\r\n`;
        const answer = await rawExchange(
          api,
          Buffer.concat([
            Buffer.from(`${head}Transfer-Encoding: ${codings}\r\n\r\n${chunk.length.toString(16)}\r\n`),
            chunk,
            Buffer.from("\r\n0\r\n\r\n"),
          ]),
        );
        assert.match(answer, /^HTTP\/1\.1 400 [\s\S]*"error_code":40001/, codings);
      }
      assert.deepEqual(api.values(), []);
    });

  for (const [name, path, type, body] of targets.slice(0, 3))
    it(`chunked, and a Content-Encoding that means nothing, are accepted for ${name}`, async () => {
      const api = await startApi();
      const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: ${type}\r\n`;
      const sent = `Transfer-Encoding: Chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      for (const coding of ["Identity", "", "identity, identity"])
        assert.match(
          await rawExchange(api, `${head}Content-Encoding: ${coding}\r\n${sent}`),
          /^HTTP\/1\.1 200 /,
        );
      assert.equal(api.values().length, 3);
    });
});
