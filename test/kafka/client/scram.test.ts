// SCRAM with brokers that do not follow RFC 5802, or ask for an unreasonable number of iterations.

import { strict as assert } from "node:assert";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { BrokerRefused } from "../../../src/kafka/client/errors.ts";
import { authenticate, type SaslConnection } from "../../../src/kafka/client/sasl.ts";
import { SaslHandshake } from "../../../src/wire/messages/cluster.ts";

const PASSWORD = "pencil";
const hmac = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** Logs in. @param first makes the first message of the broker. @returns the messages of the client */
async function login(
  first: (nonce: string) => string,
  final = (valid: string): string => valid,
): Promise<{ messages: string[]; error: unknown }> {
  const messages: string[] = [];
  const answer = (message: string): string => {
    messages.push(message);
    if (messages.length === 1) return first(/r=(.*)$/.exec(message)?.[1] ?? "");
    const [, salt = "", iterations = ""] = /,s=([^,]*),i=(\d+)/.exec(sent) ?? [];
    const salted = pbkdf2Sync(PASSWORD, Buffer.from(salt, "base64"), Number(iterations), 32, "sha256");
    const signed = `${messages[0]?.slice(3)},${sent},${message.replace(/,p=.*$/, "")}`;
    const client = hmac(salted, "Client Key");
    const signature = hmac(createHash("sha256").update(client).digest(), signed);
    const proof = Buffer.from(client.map((byte, at) => byte ^ (signature[at] ?? 0))).toString("base64");
    assert.equal(/p=(.*)$/.exec(message)?.[1], proof);
    return final(`v=${hmac(hmac(salted, "Server Key"), signed).toString("base64")}`);
  };
  let sent = "";
  const connection = {
    address: "kafka:9092",
    version: () => 1,
    async request({ key }: { key: number }, _: number, body: { authBytes: Buffer }) {
      if (key === SaslHandshake.key) return { errorCode: 0, mechanisms: [] };
      const text = answer(body.authBytes.toString());
      if (messages.length === 1) sent = text;
      return { errorCode: 0, errorMessage: null, authBytes: Buffer.from(text), sessionLifetimeMs: 0 };
    },
  } as unknown as SaslConnection;
  const options = { mechanism: "scram-sha-256", username: "user", password: PASSWORD } as const;
  const error = await authenticate(connection, options, 1000).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { messages, error };
}
const with4096 = (nonce: string): string => `r=${nonce}x,s=c2FsdA==,i=4096`;

describe("kafka: SCRAM", () => {
  it("logs in with the iterations that Kafka uses", async () => {
    const { messages, error } = await login(with4096);
    assert.deepEqual([error, messages.length], [undefined, 2]);
  });

  const hostile: Readonly<Record<string, (nonce: string) => string>> = {
    "4,095 iterations": (nonce) => `r=${nonce}x,s=c2FsdA==,i=4095`,
    "1,000,001 iterations": (nonce) => `r=${nonce}x,s=c2FsdA==,i=1000001`,
    "2^31-1 iterations": (nonce) => `r=${nonce}x,s=c2FsdA==,i=2147483647`,
    "iterations with a suffix": (nonce) => `r=${nonce}x,s=c2FsdA==,i=4096abc`,
    "negative iterations": (nonce) => `r=${nonce}x,s=c2FsdA==,i=-4096`,
    "iterations in hexadecimal": (nonce) => `r=${nonce}x,s=c2FsdA==,i=0x1000`,
    "no iterations": (nonce) => `r=${nonce}x,s=c2FsdA==`,
    "no salt": (nonce) => `r=${nonce}x,s=,i=4096`,
    "the nonce of the client alone": (nonce) => `r=${nonce},s=c2FsdA==,i=4096`,
    "another nonce": () => "r=another,s=c2FsdA==,i=4096",
    "an extension that the client must know": (nonce) => `m=x,${with4096(nonce)}`,
    "an empty message": () => "",
  };
  for (const [title, first] of Object.entries(hostile))
    it(`refuses ${title} before it sends a proof`, async () => {
      const { messages, error } = await login(first);
      assert.ok(error instanceof BrokerRefused, String(error));
      assert.equal(messages.length, 1);
    });

  for (const [title, last] of Object.entries({
    "no signature": "",
    "a wrong signature": "v=AAAA",
    "an error": "e=invalid-proof",
  }))
    it(`refuses a broker whose last message has ${title}`, async () => {
      const { error } = await login(with4096, () => last);
      assert.match(String(error), /signature of the broker is wrong/);
    });
});
