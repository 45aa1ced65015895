// The client of an event stream: what it does after each kind of interruption.

import { strict as assert } from "node:assert";
import { parseGateway } from "../../src/client/gateway.ts";
import { TailStream, type TailTimes } from "../../src/client/tail-stream.ts";
import { afterTest } from "../support/after-test.ts";
import type { ApiDouble } from "../support/api-double.ts";
import { named, position, problem, record, startEvents, stream } from "../support/event-lines.ts";
import { until } from "../support/until.ts";

/** Follows the double of a gateway, and records what happens. */
function follow(url: string, times: Partial<TailTimes> = {}) {
  const notes: string[] = [];
  const waits: number[] = [];
  const stop = new AbortController();
  afterTest(() => stop.abort());
  const listener = {
    onEvents: async (events: readonly { name: string; id: string | undefined }[]) => {
      for (const { name, id } of events) notes.push(name === "record" ? `${id}` : name);
    },
    onLost: (reason: string, waitMs: number) => {
      notes.push(`lost: ${reason}`);
      waits.push(waitMs);
    },
    onBack: (resumed: boolean) => void notes.push(resumed ? "back" : "open"),
  };
  const request = { topics: ["orders", "pay ments"], query: { key: "a b" }, from: "-20" };
  const tail = new TailStream(parseGateway(url, "secret"), request, listener, {
    firstWait: 2,
    maxWait: 10,
    ...times,
  });
  return { notes, waits, stop, done: tail.run(stop.signal) };
}

const queries = ({ calls }: ApiDouble): string[] => calls.map(({ url }) => url.search);

describe("client: tail stream", () => {
  it("asks for NDJSON with its token, and resumes with the last id after a cut inside a line", async () => {
    const api = await startEvents(
      stream(`${position("p0")}${record(1)}${record(2).slice(0, 40)}`, "cut"),
      stream(`${record(2)}${record(3)}`),
    );
    const { notes } = follow(api.url);
    await until(() => notes.includes("p3"));
    assert.deepEqual(notes, ["p1", "lost: the connection was closed", "back", "p2", "p3"]);
    assert.deepEqual(queries(api), ["?key=a+b&from=-20", "?key=a+b&lastEventId=p1"]);
    const [call] = api.calls;
    assert.equal(call?.url.pathname, "/topics/orders,pay%20ments/events");
    assert.equal(call?.headers.accept, "application/x-ndjson");
    assert.equal(call?.headers.authorization, "Bearer secret");
  });

  it("resumes after a goodbye with its id, its reason and its pause", async () => {
    const goodbye = named("goodbye", { reason: "stopping", message: "Onramp is stopping." }, "g");
    const api = await startEvents(
      stream(`${record(1)}${goodbye.replace("{", '{"retry":30,')}${record(99)}`),
      stream(record(2)),
    );
    const { notes, waits } = follow(api.url);
    await until(() => notes.includes("p2"));
    assert.deepEqual(notes, ["p1", "lost: Onramp is stopping.", "back", "p2"]);
    assert.equal(queries(api)[1], "?key=a+b&lastEventId=g");
    assert.equal(waits[0], 30);
  });

  it("reports an interruption once, however many attempts it takes, and waits as `Retry-After` says", async () => {
    const api = await startEvents(
      stream(record(1), "end"),
      problem(503, "Kafka is away.", { "retry-after": "0" }),
      problem(429, "Too many clients."),
      // A gateway that cannot serve now, but must not end an EventSource for good.
      stream(position("p1"), "end"),
      stream(record(2)),
    );
    const { notes } = follow(api.url);
    await until(() => notes.includes("p2"));
    assert.deepEqual(notes, ["p1", "lost: the gateway ended the stream", "back", "p2"]);
    const first = await startEvents(problem(503, "Kafka is away.", { "retry-after": "7" }));
    const { notes: waiting, waits } = follow(first.url);
    await until(() => waits.length > 0);
    assert.deepEqual([waiting, waits], [["lost: The gateway answered 503: Kafka is away."], [7000]]);
  });

  it("counts a silent stream as lost, and one that delivers nothing as back after a while", async () => {
    const api = await startEvents(stream(position("p0")), stream(position("p0")));
    const { notes } = follow(api.url, { silence: 60, steady: 20 });
    await until(() => notes.length >= 2);
    assert.deepEqual(notes.slice(0, 2), ["lost: nothing was received for 0.06 s", "back"]);
  });

  it("does not count the time in which its reader is slow as silence", async () => {
    const api = await startEvents(stream(`${record(1)}${record(2)}`));
    const gateway = parseGateway(api.url, undefined);
    const stop = new AbortController();
    const lost: string[] = [];
    let reading = false;
    const listener = {
      onEvents: async () => {
        reading = true;
        await new Promise((resolve) => setTimeout(resolve, 60));
        stop.abort();
      },
      onLost: (reason: string) => void lost.push(reason),
      onBack: () => {},
    };
    await new TailStream(gateway, { topics: ["t"], query: {}, from: "latest" }, listener, {
      silence: 20,
    }).run(stop.signal);
    assert.deepEqual([reading, lost, api.calls.length], [true, [], 1]);
  });

  it("waits for a gateway that does not run yet, and says how to start one", async () => {
    const api = await startEvents();
    const { port } = new URL(api.url);
    await api.close();
    const { notes, stop, done } = follow(`http://127.0.0.1:${port}`);
    await until(() => notes.length > 0);
    assert.match(
      notes[0] ?? "",
      /No gateway answers at http:\/\/127\.0\.0\.1:\d+: .*onramp start --dev.*--url/,
    );
    stop.abort();
    await done;
  });

  it("ends with the detail when another attempt would fail as well", async () => {
    const answers: readonly [ReturnType<typeof problem>, RegExp][] = [
      [problem(400, "The position is malformed."), /400: The position is malformed\./],
      [problem(401, "A token is required."), /A token is required\. Set ONRAMP_TOKEN/],
      [problem(403, "The token may not read it."), /may not read it\. Set ONRAMP_TOKEN/],
      [problem(404, 'No topic "orders".\u001b[2J'), /No topic "orders"\.\\u001b\[2J$/],
      [() => ({ status: 302, headers: { location: "https://other" } }), /redirect to https:\/\/other.*--url/],
      [() => ({ status: 200, body: "<html>" }), /not a stream of events.*--url/],
      [stream("<html>\n"), /a line that is not an event/],
    ];
    for (const [answer, expected] of answers) {
      const api = await startEvents(stream(record(1), "end"), answer);
      await assert.rejects(follow(api.url).done, { message: expected });
    }
  });

  it("ends at a stop, also while it waits", async () => {
    const api = await startEvents(stream(record(1)));
    const open = follow(api.url);
    await until(() => open.notes.length === 1);
    open.stop.abort();
    await open.done;
    const away = await startEvents(problem(503, "Away.", { "retry-after": "100" }));
    const waiting = follow(away.url);
    await until(() => waiting.notes.length === 1);
    waiting.stop.abort();
    await waiting.done;
  });
});
