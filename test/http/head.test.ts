// Headers that a request has twice, with real requests.

import { strict as assert } from "node:assert";
import { type Delivery, verifyDelivery, type WebhookReceiver } from "../../src/core/webhook.ts";
import { startApi } from "../support/api.ts";
import { NDJSON, rawExchange, V2_JSON } from "../support/http.ts";

const request = (line: string, body: string, ...headers: readonly string[]): string =>
  `${[line, ...headers, "Connection: close", `Content-Length: ${body.length}`].join("\r\n")}\r\n\r\n${body}`;
const types = (...list: readonly string[]) =>
  list.map((type, n) => `${n % 2 ? "C" : "c"}ontent-Type: ${type}`);

describe("http: a Content-Type that is given twice", () => {
  const [JSON_TYPE, TEXT] = ["application/json", "text/plain"];
  const send = async (path: string, body: string, ...given: readonly string[]) => {
    const api = await startApi();
    const sent = request(`POST ${path} HTTP/1.1`, body, "Host: localhost", ...types(...given));
    const answer = await rawExchange(api, sent);
    return { status: Number(answer.slice(9, 12)), answer, values: api.values() };
  };

  it("is refused if the values differ: 415, and nothing is written", async () => {
    for (const [body, ...given] of [
      ["1\n2\n", NDJSON, TEXT],
      ["1\n2\n", TEXT, NDJSON],
      ["{", JSON_TYPE, TEXT],
      ['{"records":[{"value":1}]}', V2_JSON, JSON_TYPE],
      ['{"records":[{"value":1}]}', `${V2_JSON}, ${JSON_TYPE}`],
      ["1", JSON_TYPE, JSON_TYPE, TEXT],
      ["1", "", JSON_TYPE],
    ] as const) {
      const { status, answer, values } = await send("/topics/t", body, ...given);
      assert.deepEqual([status, values], [415, []], given.join(" + "));
      assert.match(answer, /"error_code":41501/);
    }
  });

  it("is one value if all of its values agree", async () => {
    assert.deepEqual((await send("/topics/t", "1\n2\n", NDJSON, NDJSON)).values, ["1", "2"]);
    assert.deepEqual((await send("/topics/t", "1\n2\n", `${NDJSON}, ${NDJSON}`)).values, ["1", "2"]);
    const envelope = await send("/topics/t", '{"records":[{"value":1}]}', V2_JSON, V2_JSON.toUpperCase());
    assert.deepEqual(envelope.values, ["1"]);
    assert.equal((await send("/topics/t", "{", JSON_TYPE, JSON_TYPE)).status, 400);
  });

  it("reaches the receiver of a webhook with all of its values", async () => {
    const deliveries: Delivery[] = [];
    const receiver: WebhookReceiver = {
      deadlineMs: 5000,
      onInvalid: "refuse",
      topics: [],
      verify(delivery) {
        deliveries.push(delivery);
        return verifyDelivery(delivery, "signature", () => true);
      },
      draftsOf: () => ({ topic: "t", drafts: [] }),
    };
    const api = await startApi({ webhooks: new Map([["w", receiver]]) });
    const headers = ["Host: localhost", "signature: s", ...types(JSON_TYPE, TEXT)];
    assert.match(await rawExchange(api, request("POST /webhooks/w HTTP/1.1", "x", ...headers)), / 200 OK/);
    assert.equal(deliveries[0]?.headers["content-type"], "application/json, text/plain");
  });
});
