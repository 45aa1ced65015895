// The contract of every kind of webhook: nothing is written, and nothing is parsed, before the signature is verified.

import { strict as assert } from "node:assert";
import type { WebhookKind } from "../../src/core/webhook.ts";
import { useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { post } from "../support/http.ts";
import { readPartition } from "../support/read-back.ts";

/** The headers of a delivery. */
type Headers = Readonly<Record<string, string>>;

/** The kind of webhook that the suite tests. */
export interface WebhookUnderTest {
  /** The kind, if the register of the build does not have it. */
  readonly kind?: WebhookKind;
  /** The options for deliveries to `topic`, signed with one of `secrets`. */
  readonly options: (topic: string, secrets: readonly string[]) => object;
  /** Two secrets, in the form that the kind requires. */
  readonly secrets: readonly [string, string];
  readonly contentType: string;
  /** A well-formed body. */
  readonly body: string;
  /** A body that cannot be parsed. */
  readonly malformed: string;
  /** The headers of a delivery of `body`, signed with `secret` at a time (milliseconds since 1970). */
  readonly sign: (body: string, secret: string, at: number) => Headers;
  /** The name of the header that carries the signature. */
  readonly signatureHeader: string;
  /** The age at which a signature is stale, in milliseconds; undefined if no time is signed. */
  readonly staleAfterMs?: number;
}

/** Registers the suite. */
export function webhookContract(name: string, webhook: WebhookUnderTest): void {
  const { kind, options, contentType, body, malformed, sign, signatureHeader, staleAfterMs } = webhook;
  const [secret, second] = webhook.secrets;
  describe(`webhook contract: ${name}`, function () {
    this.timeout(60_000);
    const broker = useBroker();
    let topic: string;
    before(async () => {
      topic = await broker.topic();
    });
    const gateway = useGateway(
      () => broker.addresses(),
      () => ({
        kinds: { webhooks: kind ? [kind] : [] },
        webhooks: { rotated: options(topic, [secret, second]), single: options(topic, [secret]) },
      }),
    );
    const deliver = (sent: string, headers: Headers, to = "single") =>
      post(gateway(), `/webhooks/${to}`, contentType, sent, headers);
    const written = async (): Promise<number> => (await readPartition(broker.addresses(), topic)).length;

    /** Asserts that a delivery is answered 401, and that nothing is written. */
    async function refuses(sent: string, headers: Headers): Promise<void> {
      const before = await written();
      const answer = await deliver(sent, headers);
      assert.deepEqual([answer.status, answer.body.error_code], [401, 40101]);
      assert.equal(await written(), before);
    }

    it("writes a signed delivery, and answers 200 after Kafka has it", async () => {
      const before = await written();
      const answer = await deliver(body, sign(body, secret, Date.now()));
      assert.deepEqual([answer.status, answer.body.produced], [200, 1]);
      assert.equal(await written(), before + 1);
    });

    it("accepts each of several secrets while they are rotated", async () => {
      for (const each of [secret, second])
        assert.equal((await deliver(body, sign(body, each, Date.now()), "rotated")).status, 200);
    });

    it("refuses a delivery without a signature, or with an empty one", async () => {
      const { [signatureHeader]: _, ...unsigned } = sign(body, secret, Date.now());
      await refuses(body, unsigned);
      await refuses(body, { ...unsigned, [signatureHeader]: "" });
    });

    it("refuses a signature with another secret, and a malformed signature", async () => {
      const headers = sign(body, second, Date.now());
      await refuses(body, headers);
      await refuses(body, { ...headers, [signatureHeader]: "not a signature" });
    });

    it("refuses a body that was changed after it was signed", async () => {
      await refuses(`${body} `, sign(body, secret, Date.now()));
      await refuses("", sign(body, secret, Date.now()));
    });

    it("verifies before it parses: a malformed body is 401 unsigned, and 400 signed", async () => {
      await refuses(malformed, sign(malformed, second, Date.now()));
      const before = await written();
      const answer = await deliver(malformed, sign(malformed, secret, Date.now()));
      assert.deepEqual([answer.status, answer.body.error_code], [400, 40001]);
      assert.equal(await written(), before);
    });

    it("answers a signed body of any other JSON type without a 5xx", async () => {
      for (const other of ["null", "[]", "1", '"text"']) {
        const { status } = await deliver(other, sign(other, secret, Date.now()));
        assert.ok(status < 500, `${other} is answered ${status}`);
      }
    });

    if (staleAfterMs !== undefined)
      it("refuses a signature that is too old, or from the future", async () => {
        for (const at of [Date.now() - staleAfterMs - 60_000, Date.now() + staleAfterMs + 60_000])
          await refuses(body, sign(body, secret, at));
      });
  });
}
