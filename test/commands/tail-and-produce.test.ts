// `onramp tail` and `onramp produce` without a process: wrong usage, and what they print on a terminal.

import { strict as assert } from "node:assert";
import { joinNegativeValues } from "../../src/commands/arguments.ts";
import { produce } from "../../src/commands/produce.ts";
import { tail } from "../../src/commands/tail.ts";
import { afterTest } from "../support/after-test.ts";
import { named, record, startEvents, stream } from "../support/event-lines.ts";
import { fakeIo } from "../support/io.ts";
import { startOpenServer } from "../support/open-server.ts";
import { until } from "../support/until.ts";

describe("commands: tail and produce", () => {
  it("refuse wrong usage with 2, and print the usage", async () => {
    const wrong: readonly [typeof tail, Record<string, string>, string[], RegExp][] = [
      [tail, {}, [], /Usage: onramp tail TOPIC\.\.\./],
      [tail, { partition: "x" }, ["orders"], /Usage: onramp tail/],
      [tail, { url: "localhost:8080" }, ["orders"], /http or https URL.*--url/],
      [produce, {}, [], /Usage: onramp produce TOPIC/],
      [produce, { partition: "-1" }, ["orders"], /Usage: onramp produce/],
      [produce, { url: "ftp://x" }, ["orders"], /http or https URL/],
    ];
    for (const [command, options, args, expected] of wrong) {
      const io = fakeIo();
      assert.equal(await command.run(io, options, args), 2);
      assert.match(io.printed.stderr, expected);
    }
  });

  it("take a negative number as the value of an option, but not after `--`", () => {
    const joined = joinNegativeValues(
      ["a", "--from", "-20", "--json", "-3", "--", "--from", "-1"],
      tail.options,
    );
    assert.deepEqual(joined, ["a", "--from=-20", "--json", "-3", "--", "--from", "-1"]);
  });

  it("`tail` prints colours on a terminal unless NO_COLOR is set, in the order of the events", async () => {
    const gap = named("gap", { topic: "orders", partition: 1, from: 2, to: 4 });
    for (const [env, expected] of [
      [
        {},
        `\u001b[2morders/1@1\u001b[22m  \u001b[2m2026-11-26T17:51:13.924Z\u001b[22m  \u001b[1mk\u001b[22m  {"n":1}\n`,
      ],
      [{ NO_COLOR: "1" }, 'orders/1@1  2026-11-26T17:51:13.924Z  k  {"n":1}\n'],
    ] as const) {
      const api = await startEvents(stream(record(1) + gap));
      const io = fakeIo({ env: { ...env, ONRAMP_URL: api.url, ONRAMP_TOKEN: "secret" }, isTerminal: true });
      afterTest(io.stop);
      const done = tail.run(io, { filter: "n > 0" }, ["orders,payments"]);
      await until(() => io.printed.stderr !== "");
      assert.equal(io.printed.stdout, expected);
      assert.match(io.printed.stderr, /^gap: orders\/1: .* 2 to 3, /);
      io.stop();
      assert.equal(await done, 0);
      const [call] = api.calls;
      assert.equal(call?.headers.authorization, "Bearer secret");
      assert.equal(call?.url.href, `${api.url}/topics/orders,payments/events?filter=n+%3E+0&from=latest`);
    }
  });

  it("`produce` prints the place of each record on a terminal, and ends with 1 when an outcome is unknown", async () => {
    const url = await startOpenServer((req, res) => {
      res.writeHead(200, { "content-type": "application/x-ndjson" });
      req.on("data", () => res.write('{"topic":"orders","partition":0,"offset":7,"timestamp":1}\n'));
      req.on("data", (chunk) => String(chunk).includes("3") && res.socket?.destroy());
    });
    const io = fakeIo({ env: { ONRAMP_URL: url }, isTerminal: true });
    const done = produce.run(io, {}, ["orders"]);
    io.input.write("1\n");
    await until(() => io.printed.stdout === "orders/0@7\n");
    io.input.write("3\n4\n");
    assert.equal(await done, 1);
    assert.match(
      io.printed.stderr,
      /The outcome of lines? .* unknown: .*\n.*1 written, 0 failed, 2 unknown\n$/s,
    );
  });
});
