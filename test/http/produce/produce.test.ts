// Produce requests, from the path to the response, without Kafka.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../../src/core/errors.ts";
import { createToken } from "../../../src/core/token.ts";
import { createAuth } from "../../../src/http/auth/tokens.ts";
import { startApi } from "../../support/api.ts";
import { post, rawExchange, send, V2_TEXT } from "../../support/http.ts";

describe("http: produce, where to", function () {
  this.timeout(2000);

  it("a topic, named as it is or percent-encoded", async () => {
    const api = await startApi();
    for (const path of ["/topics/a.b", "/topics/a%2Eb", "/topics/%61.b?timestamp=5"])
      assert.equal((await post(api, path, undefined, "v")).status, 200, path);
    assert.deepEqual(
      api.appends.map(({ topic, values }) => [topic, values]),
      Array.from({ length: 3 }, () => ["a.b", ["v"]]),
    );
    assert.equal(api.appends[2]?.records[0]?.timestamp, 5);
  });

  it("select a partition of the topic", async () => {
    const api = await startApi();
    const { status, body } = await post(api, "/topics/t/partitions/12?key=k", undefined, "v");
    assert.deepEqual([status, body.partition], [200, 12]);
    const [record] = api.appends[0]?.records ?? [];
    assert.deepEqual([record?.partition, `${record?.key}`], [12, "k"]);
  });

  const nowhere: Readonly<Record<string, number>> = {
    "/topics/t/other": 40403,
    "/topics/t/records/1": 40403,
    "/topics/t/partitions/1/offsets": 40403,
    "/topics/t/partitions/1//": 40403,
    "/topics//partitions/1": 40403,
    "/topics/t/partitions/x": 40402,
    "/topics/t/partitions/1x": 40402,
    "/topics/t/partitions/x1": 40402,
    "/topics/t/partitions/-1": 40402,
    "/topics/t/partitions/1e3": 40402,
    "/topics/t/partitions/0x1": 40402,
  };
  it("that are unknown are answered 404, and nothing is appended", async () => {
    const api = await startApi();
    for (const [path, code] of Object.entries(nowhere)) {
      const { status, body } = await post(api, path, undefined, "v");
      assert.deepEqual([status, body.error_code], [404, code], path);
    }
    assert.equal(api.appends.length, 0);
  });

  it("accept POST only", async () => {
    const api = await startApi();
    const { status } = await send(api, "/topics/t", { method: "PUT", body: "v" });
    assert.deepEqual([status, api.appends.length], [405, 0]);
    assert.equal((await post(api, "/topics/t/partitions", undefined, "v")).status, 405);
    assert.equal((await post(api, "/topic/t", undefined, "v")).status, 404);
  });
});

describe("http: produce, outcomes", function () {
  this.timeout(2000);

  it("answers when the log has the record, and not before", async () => {
    const api = await startApi({ waits: true });
    let answered = false;
    const work = post(api, "/topics/t", undefined, "v").finally(() => {
      answered = true;
    });
    const append = await api.append(1);
    assert.deepEqual([answered, api.budget.used], [false, 1]);
    append.resolve();
    const { status, body } = await work;
    assert.deepEqual([status, body.offset, api.budget.used], [200, 0, 0]);
  });

  it("include the error of the record, which is reported; the bytes are released", async () => {
    const api = await startApi({ waits: true });
    const work = post(api, "/topics/t", undefined, "v");
    (await api.append(1)).resolve({ 0: new OnrampError(50401, "nobody knows") });
    const { status, body } = await work;
    assert.deepEqual([status, body.error_code, api.budget.used], [504, 50401, 0]);
    assert.deepEqual(
      api.reported.map(({ code }) => code),
      [50401],
    );
  });

  it("are counted: records that were appended, and those of a request that was refused", async () => {
    const api = await startApi();
    const records = [{ value: "a" }, { value: "b" }];
    await post(api, "/topics/t", V2_TEXT, JSON.stringify({ records }));
    await post(api, "/topics/__reserved", V2_TEXT, JSON.stringify({ records }));
    assert.deepEqual(api.counted, [
      ["appended", "t", 2],
      ["refused", "__reserved", 2],
    ]);
  });

  it("of a malformed body release its bytes", async () => {
    const api = await startApi();
    const { status } = await post(api, "/topics/t", V2_TEXT, "{");
    assert.deepEqual([status, api.budget.used, api.appends.length], [400, 0, 0]);
  });

  it("have http.deadline as the deadline of the append", async () => {
    const api = await startApi({ deadlineMs: 5000 });
    const before = Date.now();
    await post(api, "/topics/t", undefined, "v");
    const { deadline = 0 } = api.appends[0]?.options ?? {};
    assert.ok(deadline >= before + 5000 && deadline <= Date.now() + 5000);
  });

  it("of CloudEvents in headers are 415", async () => {
    const api = await startApi();
    const answer = await post(api, "/topics/t", undefined, "v", { "ce-id": "1" });
    assert.deepEqual([answer.status, answer.body.error_code, api.appends.length], [415, 41501, 0]);
    assert.equal((await post(api, "/topics/t", undefined, "v", { cell: "1" })).status, 200);
  });
});

describe("http: produce, who", function () {
  this.timeout(2000);

  const [shop, other] = [createToken(), createToken()];
  const auth = createAuth({
    shop: { hash: shop.hash, produce: ["t"] },
    other: { hash: other.hash, read: ["t"], produce: ["u"] },
  });
  const bearer = ({ token }: { readonly token: string }) => ({ authorization: `Bearer ${token}` });

  it("may produce to the topics of their token; the error names a missing permission", async () => {
    const api = await startApi({ auth });
    assert.equal((await post(api, "/topics/t", undefined, "v", bearer(shop))).status, 200);
    const refused = await post(api, "/topics/t", undefined, "v", bearer(other));
    assert.deepEqual([refused.status, refused.body.error_code], [403, 40301]);
    assert.match(refused.body.detail, /The token "other" may not produce to topic "t"/);
    const nobody = await post(api, "/topics/t", undefined, "v");
    assert.deepEqual(
      [nobody.status, nobody.headers.has("www-authenticate"), api.appends.length],
      [401, true, 1],
    );
  });

  it("have a share of the budget per token, whatever address they use", async () => {
    const api = await startApi({ auth, waits: true, budget: 10 });
    const first = post(api, "/topics/t", undefined, "12345", bearer(shop));
    await api.append(1);
    assert.equal((await post(api, "/topics/t", undefined, "1", bearer(shop))).status, 429);
    const second = post(api, "/topics/u", undefined, "12345", bearer(other));
    (await api.append(2)).resolve();
    (await api.append(1)).resolve();
    assert.deepEqual([(await first).status, (await second).status], [200, 200]);
  });

  it("are identified by their address without tokens", async () => {
    const api = await startApi({ waits: true, budget: 10 });
    const first = post(api, "/topics/t", undefined, "12345");
    await api.append(1);
    assert.equal((await post(api, "/topics/t", undefined, "1")).status, 429);
    (await api.append(1)).resolve();
    await first;
  });
});

describe("http: produce, 100 Continue", function () {
  this.timeout(2000);

  const head = (rest: string) =>
    `POST /topics/t HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n${rest}\r\n\r\n`;

  it("is sent if the body is accepted", async () => {
    const api = await startApi();
    const answer = await rawExchange(api, `${head("Content-Length: 1")}v`);
    assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  });

  it("is not sent if the body will be refused", async () => {
    const api = await startApi({ maxBody: 5 });
    assert.match(await rawExchange(api, head("Content-Length: 6"), { end: true }), /^HTTP\/1\.1 413 /);
  });
});
