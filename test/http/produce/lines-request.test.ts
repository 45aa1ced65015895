// A request of lines over HTTP, without Kafka.

import { strict as assert } from "node:assert";
import { getEventListeners } from "node:events";
import { OnrampError } from "../../../src/core/errors.ts";
import { startApi } from "../../support/api.ts";
import { NDJSON, post, rawExchange } from "../../support/http.ts";
import { openLines } from "../../support/lines.ts";

const head = (...more: string[]): string =>
  [
    `POST /topics/t HTTP/1.1`,
    "Host: x",
    `Content-Type: ${NDJSON}`,
    "Transfer-Encoding: chunked",
    ...more,
    "",
    "",
  ].join("\r\n");
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

describe("http: a request of lines", function () {
  this.timeout(4000);

  it("is answered line by line while it comes in, and ends with its body", async () => {
    const api = await startApi();
    const exchange = openLines(api, "/topics/t/partitions/2?key=k");
    await exchange.write("1\n");
    assert.deepEqual([await exchange.status(), (await exchange.next()).offset], [200, 0]);
    await exchange.write("2\n3");
    assert.equal((await exchange.next()).offset, 1);
    exchange.end();
    assert.deepEqual([(await exchange.next()).offset, await exchange.next()], [2, undefined]);
    const [record] = api.appends[0]?.records ?? [];
    assert.deepEqual([record?.partition, `${record?.key}`, api.values()], [2, "k", ["1", "2", "3"]]);
    assert.equal(api.budget.used, 0);
  });

  it("keeps its connection for the next request", async () => {
    const api = await startApi();
    const body = `${chunk("1\n")}0\r\n\r\n`;
    const answer = await rawExchange(api, head() + body + head("Connection: close") + body);
    assert.equal(answer.match(/HTTP\/1\.1 200 OK/g)?.length, 2);
  });

  it("fails as a whole where its first lines do", async () => {
    const api = await startApi({ waits: true });
    const work = post(api, "/topics/t", NDJSON, "1\n2\n");
    (await api.append(1)).reject(new OnrampError(40401, "no such topic"));
    const { status, body } = await work;
    assert.deepEqual([status, body.error_code, api.budget.used], [404, 40401, 0]);
  });

  it("is refused compressed, before anything is read: 415", async () => {
    const api = await startApi();
    const { status } = await post(api, "/topics/t", NDJSON, "1\n", { "content-encoding": "gzip" });
    assert.deepEqual([status, api.appends.length], [415, 0]);
  });

  it("is told to go on where it asks", async () => {
    const answer = await rawExchange(
      await startApi(),
      `${head("Expect: 100-continue", "Connection: close")}${chunk("1\n")}0\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  });

  it("is refused once the process stops: 503", async () => {
    const api = await startApi();
    api.drain();
    const { status, body } = await post(api, "/topics/t", NDJSON, "1\n");
    assert.deepEqual([status, body.error_code, api.appends.length], [503, 50301, 0]);
    assert.match(body.detail, /Onramp is stopping\. Send the remaining lines again/);
  });

  it("ends when the process stops: what came is answered, and the last word says what was not written", async () => {
    const api = await startApi();
    const exchange = openLines(api, "/topics/t");
    await exchange.write("1\n2");
    assert.equal((await exchange.next()).offset, 0);
    api.drain();
    const last = await exchange.next();
    assert.deepEqual([last.error_code, last.line], [50301, 2]);
    assert.match(last.detail, /Line 2 and the lines after it were not written\./);
    exchange.end();
    assert.deepEqual([await exchange.next(), api.values(), api.budget.used], [undefined, ["1"], 0]);
  });

  it("listens for the stop of the process while it lasts", async () => {
    const draining = new AbortController();
    const api = await startApi({ draining: draining.signal });
    const listeners = () => getEventListeners(draining.signal, "abort").length;
    const exchange = openLines(api, "/topics/t");
    await exchange.write("1\n");
    await exchange.next();
    assert.equal(listeners(), 1);
    exchange.end();
    assert.equal(await exchange.next(), undefined);
    assert.equal(listeners(), 0);
  });

  it("ends with the first bad line where it asks for that", async () => {
    const api = await startApi();
    for (const query of [
      "onError=stop",
      "key=k&onError=stop",
      "onError=stop&key=k",
      "&onError=stop",
      "timestamp=5&key=k&onError=stop",
    ]) {
      const { status, text } = await post(api, `/topics/t?${query}`, NDJSON, "1\n{\n3\n");
      assert.deepEqual([status, text.trim().split("\n").length], [200, 2], query);
    }
    assert.deepEqual(api.values(), ["1", "1", "1", "1", "1"]);
    assert.deepEqual(
      api.appends.map(({ records }) => records[0]?.key && `${records[0].key}`),
      [null, "k", "k", null, "k"],
    );
  });

  it("goes on behind a bad line where it asks for that, or for nothing", async () => {
    const api = await startApi();
    for (const query of ["onError=continue", "timestamp=5", ""]) {
      const { text } = await post(api, `/topics/t?${query}`, NDJSON, "1\n{\n3\n");
      assert.equal(text.trim().split("\n").length, 3, query);
    }
  });

  it("asks for nothing else: 400", async () => {
    const api = await startApi();
    for (const query of [
      "onError=",
      "onError=other",
      "onError",
      "onError=stopp",
      "onError=stop&onError=stop",
      "xonError=stop",
    ]) {
      const { status, body } = await post(api, `/topics/t?${query}`, NDJSON, "1\n");
      assert.deepEqual([status, body.error_code], [400, 40001], query);
    }
    assert.equal(api.appends.length, 0);
  });
});
