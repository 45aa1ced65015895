// Clients that send very many, very small, or bad records harm no other client.

import { strict as assert } from "node:assert";
import { assertUnharmed, describeAttack, startTarget, type Target } from "../support/canary.ts";
import { type Answer, NDJSON, post, V2_BINARY, V2_JSON, V2_TEXT } from "../support/http.ts";
import { openLines } from "../support/lines.ts";
import { bound } from "../support/soak.ts";

const envelopeOf = (record: string, count: number): string =>
  `{"records":[${`${record},`.repeat(count - 1)}${record}]}`;

/** Posts a body from several clients at once. A connection that the gateway ends counts as status 0. */
function postFromMany(
  target: Target,
  path: string,
  type: string,
  body: string,
  clients: number,
): Promise<number[]> {
  const attempt = (): Promise<number> =>
    post(target, path, type, body).then(
      ({ status }: Answer) => status,
      () => 0,
    );
  return Promise.all(Array.from({ length: clients }, attempt));
}

const MEGABYTE = 1024 * 1024;
const LARGE = 25 * MEGABYTE - 100_000;
const LARGE_HELD_MS = 50;
const text = "a".repeat(1200);
/** A raw value is larger than the topic accepts; the records of the other formats are not. */
const LARGE_BODIES: readonly [format: string, path: string, type: string, body: () => string][] = [
  [
    "raw JSON",
    "/topics/attacked",
    "application/json",
    () => `[${"1,".repeat(450_000)}"${"a".repeat(LARGE - 1e6)}"]`,
  ],
  ["raw bytes", "/topics/attacked", "application/octet-stream", () => "a".repeat(LARGE)],
  [
    "an envelope of JSON",
    "/topics/attacked",
    V2_JSON,
    () => envelopeOf(`{"value":{"text":"${text}"}}`, 19_900),
  ],
  ["an envelope of base64", "/topics/attacked", V2_BINARY, () => envelopeOf(`{"value":"${text}"}`, 19_900)],
  ["an envelope of text", "/topics/attacked", V2_TEXT, () => envelopeOf(`{"value":"${text}"}`, 19_900)],
  [
    "a batch",
    "/topics/attacked/batch",
    "application/json",
    () => envelopeOf(`{"key":"k","value":{"text":"${text}"}}`, 19_900),
  ],
  ["lines", "/topics/attacked/lines", NDJSON, () => `{"text":"${text}"}\n`.repeat(20_000)],
];

describeAttack("issue: attacks with records", function () {
  this.timeout(120_000);

  for (const heap of [undefined, 150])
    it(`eight envelopes of 500,000 records are refused with 413${heap ? `, with a heap of ${heap} MB` : ""}`, async () => {
      const target = await startTarget(
        { topics: { attacked: {} } },
        heap ? `--max-old-space-size=${heap}` : "",
      );
      const body = envelopeOf('{"value":1}', 500_000);
      let statuses: number[] = [];
      const harm = await target.attack(async () => {
        statuses = await postFromMany(target, "/topics/attacked", V2_JSON, body, 8);
      });
      assert.deepEqual(
        [...new Set(statuses)].filter((status) => status !== 413 && status !== 429 && status !== 503),
        [],
      );
      const { body: problem } = await post(target, "/topics/attacked", V2_JSON, body);
      assert.equal(problem.error_code, 41301);
      assert.match(problem.message, /http\.maxRecords.*as lines/);
      assertUnharmed(harm);
    });

  it("envelopes with the maximum number of records are written, or refused with 429, and do not harm other clients", async () => {
    const target = await startTarget({ topics: { attacked: {} } });
    const statuses: number[] = [];
    const harm = await target.attack(async () => {
      for (let n = 0; n < 4; n++)
        statuses.push(
          ...(await postFromMany(target, "/topics/attacked", V2_JSON, envelopeOf('{"value":1}', 20_000), 16)),
        );
    });
    assert.deepEqual(
      [...new Set(statuses)].filter((status) => status !== 200 && status !== 429),
      [],
    );
    assert.ok(statuses.includes(200));
    assertUnharmed(harm);
  });

  it("keys by expression and schemas are applied to 20,000 records in turns with other requests", async () => {
    const target = await startTarget({
      topics: { keyed: { key: "$string(n)" }, checked: { schema: "s.json" } },
      files: { "s.json": JSON.stringify({ properties: { n: { type: "integer" } }, required: ["n"] }) },
    });
    const body = envelopeOf('{"value":{"n":1}}', 20_000);
    const harm = await target.attack(async () => {
      const statuses = [
        ...(await postFromMany(target, "/topics/keyed", V2_JSON, body, 2)),
        ...(await postFromMany(target, "/topics/checked", V2_JSON, body, 2)),
      ];
      assert.ok(statuses.includes(200) || statuses.includes(504), `${statuses}`);
    });
    assertUnharmed(harm);
  });

  it("2 MB of bad lines end after 1,000 of them, with a problem that says so", async () => {
    const target = await startTarget({ topics: { attacked: {} } });
    const [lines, count] = ["x\n".repeat(10_000), 100];
    const answered: number[] = [];
    const harm = await target.attack(async () => {
      const stream = async (): Promise<void> => {
        const exchange = openLines(target, "/topics/attacked");
        const sent = (async () => {
          await exchange.write("1\n");
          for (let n = 0; n < count; n++) await exchange.write(lines);
          exchange.end();
        })().catch(() => {});
        let [last, read] = [undefined as { message?: string } | undefined, 0];
        for (let next = await exchange.next(); next; next = await exchange.next())
          [last, read] = [next, read + 1];
        answered.push(read);
        assert.match(last?.message ?? "", /^1000 lines in a row were refused, up to line 1001\./);
        exchange.cut();
        await sent;
      };
      await Promise.all(Array.from({ length: 4 }, stream));
    });
    assert.ok(Math.max(...answered) < 5000, `${answered} lines were answered`);
    assertUnharmed(harm);
  });

  it("bad lines between good ones are answered, in turns with other requests", async () => {
    const target = await startTarget({ topics: { attacked: {} } });
    const harm = await target.attack(() =>
      postFromMany(target, "/topics/attacked", NDJSON, `1\n${"x\n".repeat(500)}`.repeat(100), 4),
    );
    assertUnharmed(harm);
  });

  for (const [format, path, type, body] of LARGE_BODIES)
    it(`25 MB as ${format} do not hold the event loop`, async () => {
      // Half of the default budget is less than the body and 512 bytes per record.
      const target = await startTarget({ http: { budget: "128MB" }, topics: { attacked: {} } });
      let statuses: number[] = [];
      const harm = await target.attack(async () => {
        statuses = await postFromMany(target, path, type, body(), 1);
      });
      assert.ok([200, 413].includes(statuses[0] as number), `${statuses}`);
      assertUnharmed(harm, (128 + 150) * MEGABYTE);
      assert.ok(harm.heldMs < bound(LARGE_HELD_MS), `the event loop was held for ${harm.heldMs} ms`);
    });
});
