// Errors as HTTP responses.

import { strict as assert } from "node:assert";
import type { ServerResponse } from "node:http";
import { mock } from "node:test";
import { OnrampError } from "../../src/core/errors.ts";
import {
  endAfterBody,
  problemBody,
  problemErrors,
  problemHeaders,
  rawProblem,
  sendProblem,
} from "../../src/http/problem.ts";
import { afterTest } from "../support/after-test.ts";
import { FakeRequest } from "../support/request.ts";

const bad = new OnrampError(40001, "wrong é");
const later = new OnrampError(50301, "not now");

/** A double of a response that stores what is written to it. */
function response(state: { headersSent?: boolean; destroyed?: boolean } = {}) {
  const seen = { status: 0, headers: {} as Record<string, unknown>, text: "", ends: 0 };
  const res = {
    headersSent: false,
    destroyed: false,
    ...state,
    setHeader: (name: string, value: unknown) => void Object.assign(seen.headers, { [name]: value }),
    writeHead: (status: number, headers: object) => {
      seen.status = status;
      Object.assign(seen.headers, headers);
    },
    write(text: string) {
      seen.text += text;
    },
    end(text = "") {
      seen.text += text;
      seen.ends++;
    },
  };
  return { res: res as unknown as ServerResponse, seen };
}

/** A request with its socket, whose body is complete or still being received. */
function request(headers: Record<string, string>, complete: boolean) {
  const fake = new FakeRequest(headers);
  fake.complete = complete;
  const socket = { paused: 0, pause: () => void socket.paused++ };
  Object.assign(fake, { socket });
  return { fake, socket, req: fake.req };
}

describe("http: problem", () => {
  it("has type, title, status and detail, and code and message for clients of other proxies", () => {
    assert.deepEqual(problemBody(bad), {
      type: "urn:onramp:error:40001",
      title: "Malformed request",
      status: 400,
      detail: "wrong é",
      error_code: 40001,
      message: "wrong é",
    });
  });

  it("lists the errors of its records if there are any", () => {
    const errors = [{ index: 1, message: "x" }];
    assert.deepEqual(problemBody(new OnrampError(40001, "wrong", { errors }))["errors"], errors);
  });

  it("has Retry-After or WWW-Authenticate if the error needs it, otherwise no such header", () => {
    assert.deepEqual(problemHeaders(later), { "retry-after": "1" });
    assert.deepEqual(problemHeaders(new OnrampError(42901, "x", { retryAfter: 0 })), { "retry-after": "0" });
    assert.deepEqual(Object.keys(problemHeaders(new OnrampError(40101, "x"))), ["www-authenticate"]);
    assert.deepEqual(problemHeaders(bad), {});
  });

  it("is a complete HTTP response if the request could not be parsed", () => {
    const [head = "", body = ""] = rawProblem(bad).split("\r\n\r\n");
    assert.deepEqual(head.split("\r\n"), [
      "HTTP/1.1 400 Bad Request",
      "Content-Type: application/problem+json",
      `Content-Length: ${Buffer.byteLength(body)}`,
      "Connection: close",
    ]);
    assert.deepEqual(JSON.parse(body), problemBody(bad));
  });
});

describe("http: problem as a response", () => {
  it("is sent and reported when the request is complete", () => {
    const reported: OnrampError[] = [];
    const { res, seen } = response();
    sendProblem(request({ "content-length": "5" }, true).req, res, later, (error) => reported.push(error));
    const text = JSON.stringify(problemBody(later));
    assert.deepEqual(seen, {
      status: 503,
      headers: {
        "retry-after": "1",
        "content-type": "application/problem+json",
        "content-length": text.length,
      },
      text,
      ends: 1,
    });
    assert.deepEqual(reported, [later]);
  });

  it("has its length in bytes in Content-Length", () => {
    const { res, seen } = response();
    sendProblem(request({}, true).req, res, bad);
    assert.equal(seen.headers["content-length"], Buffer.byteLength(seen.text));
  });

  it("hides the text of an unexpected failure, but reports it", () => {
    const reported: OnrampError[] = [];
    const { res, seen } = response();
    sendProblem(request({}, true).req, res, new Error("secret"), (error) => reported.push(error));
    assert.deepEqual([seen.status, seen.text.includes("secret"), reported[0]?.code], [500, false, 50000]);
  });

  it("is reported but not sent if a response has begun or the client has gone", () => {
    for (const state of [{ headersSent: true }, { destroyed: true }]) {
      const reported: OnrampError[] = [];
      const { res, seen } = response(state);
      sendProblem(request({}, true).req, res, bad, (error) => reported.push(error));
      assert.deepEqual([seen.status, seen.ends, reported], [0, 0, [bad]]);
    }
  });

  const coming = [{ "content-length": "5" }, { "transfer-encoding": "chunked" }] as const;
  for (const headers of coming)
    it(`ends the connection if the body is still being received: ${Object.keys(headers)}`, () => {
      const { res, seen } = response();
      const { fake, req } = request(headers, false);
      sendProblem(req, res, bad);
      assert.deepEqual([seen.headers["connection"], seen.text !== "", seen.ends], ["close", true, 0]);
      fake.finish();
      assert.ok(seen.ends > 0);
    });

  it("keeps the connection if no body follows, even if the request is not complete yet", () => {
    for (const headers of [{}, { "content-length": "0" }]) {
      const { res, seen } = response();
      sendProblem(request(headers as Record<string, string>, false).req, res, bad);
      assert.deepEqual(["connection" in seen.headers, seen.ends], [false, 1]);
    }
  });

  it("is 400 for a path that Express cannot decode", () => {
    const { res, seen } = response();
    const reported: OnrampError[] = [];
    const handler = problemErrors((error) => reported.push(error));
    handler(new URIError("x"), request({}, true).req as never, res as never, () => {});
    handler(later, request({}, true).req as never, response().res as never, () => {});
    assert.equal(seen.status, 400);
    assert.deepEqual(
      reported.map(({ code }) => code),
      [40001, 50301],
    );
  });
});

describe("http: a response before the end of the body", () => {
  function lingering() {
    mock.timers.enable({ apis: ["setTimeout"] });
    afterTest(() => mock.timers.reset());
    const { res, seen } = response();
    const { fake, socket, req } = request({}, false);
    fake.pause();
    endAfterBody(req, res, "answer");
    return { fake, socket, seen };
  }

  it("is written at once, and ends when the body ends", () => {
    const { fake, seen } = lingering();
    assert.deepEqual([seen.text, seen.ends, fake.paused], ["answer", 0, false]);
    fake.emit("end");
    assert.equal(seen.ends, 1);
    mock.timers.tick(2000);
    assert.equal(seen.ends, 1);
  });

  it("ends when the client closes the connection", () => {
    const { fake, seen } = lingering();
    fake.cut();
    assert.equal(seen.ends, 1);
  });

  it("ends after two seconds, even if the body continues", () => {
    const { seen } = lingering();
    mock.timers.tick(1999);
    assert.equal(seen.ends, 0);
    mock.timers.tick(1);
    assert.equal(seen.ends, 1);
  });

  it("is followed by at most 16 KiB of the body; the rest is not read", () => {
    const { fake, socket } = lingering();
    fake.send(Buffer.alloc(10 * 1024));
    fake.send(Buffer.alloc(6 * 1024));
    assert.equal(socket.paused, 0);
    fake.send("x");
    assert.equal(socket.paused, 1);
  });
});
