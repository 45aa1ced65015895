// `fetch` for receivers: its errors, none of which contains a secret.

import { strict as assert } from "node:assert";
import { inspect } from "node:util";
import { type HttpFailure, InvalidRequest } from "../../src/web/failure.ts";
import { boundedFetch } from "../../src/web/fetch.ts";
import { startRawServer } from "../support/raw-server.ts";
import { startReceiver } from "../support/receiver.ts";

const limits = {
  receiver: "Example",
  timeoutMs: 5000,
  cancel: new AbortController().signal,
  now: () => 0,
};

describe("web: fetch", () => {
  it("returns the complete response, and sends the given request", async () => {
    const receiver = await startReceiver();
    receiver.script = () => ({ status: 201, body: "taken" });
    const answer = await boundedFetch(limits)(receiver.url, { method: "POST", body: "b" });
    assert.deepEqual([await answer.text(), receiver.arrived[0]?.body], ["taken", "b"]);
  });

  it("throws for a response other than 2xx, with the status, Retry-After and the receiver", async () => {
    const receiver = await startReceiver();
    receiver.script = () => ({ status: 429, headers: { "retry-after": "7" } });
    await assert.rejects(boundedFetch(limits)(receiver.url), (error: HttpFailure) => {
      assert.deepEqual([error.name, error.status, error.retryAfterMs], ["HttpFailure", 429, 7000]);
      return error.message === "Example answered 429";
    });
  });

  it("throws an error with the code of the reason if there is no response", async () => {
    const receiver = await startReceiver();
    await receiver.stop();
    await assert.rejects(boundedFetch(limits)(receiver.url), (error: HttpFailure) => {
      assert.equal(error.status, undefined);
      return /^Example cannot be reached: ECONNREFUSED$/.test(error.message);
    });
  });

  it("throws for 101: the receiver answered", async () => {
    const url = await startRawServer(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    );
    await assert.rejects(boundedFetch(limits)(url), (error: HttpFailure) => {
      assert.equal(error.status, 101);
      return error.message === "Example answered 101";
    });
  });

  it("throws an error that contains no secret of the request, also when it is inspected", async () => {
    const receiver = await startReceiver();
    const basic = Buffer.from("user:hunter2").toString("base64");
    receiver.script = () => ({ status: 400, body: `user hunter2 with ${basic} and key k3y5` });
    const headers = { authorization: `Basic ${basic}`, "x-api-key": "k3y5" };
    await assert.rejects(boundedFetch(limits)(receiver.url, { headers }), (error: HttpFailure) => {
      assert.doesNotMatch(inspect(error) + JSON.stringify(error), /hunter2|k3y5/);
      return (
        error.message === "Example answered 400: [redacted] [redacted] with [redacted] and key [redacted]"
      );
    });
  });

  for (const [title, url, headers] of [
    ["a URL with a password", "http://user:hunter2@127.0.0.1/", {}],
    ["a URL with an impossible port", "http://127.0.0.1:99999/hunter2", {}],
    ["a header with a line end", "http://127.0.0.1/", { authorization: "Bearer hunter2\nx" }],
  ] as const)
    it(`refuses ${title} without quoting it`, async () => {
      await assert.rejects(boundedFetch(limits)(url, { headers }), (error: Error) => {
        assert.ok(error instanceof InvalidRequest);
        assert.equal(error.cause, undefined);
        return !error.message.includes("hunter2") && error.message.includes("Example");
      });
    });
});
