// SASL_SSL and ACLs on Apache Kafka: every mechanism, client certificates, and errors that name the missing ACL.

import { strict as assert } from "node:assert";
import type { Gateway } from "../../../src/app/gateway.ts";
import { allow, limitedLogin, plainBrokers, secureBrokers } from "../../support/acls.ts";
import { SCRAM_USERS } from "../../support/apache-kafka/cluster.ts";
import { createTopic, describeIf } from "../../support/broker.ts";
import { startTestGateway } from "../../support/gateway.ts";
import { kafkaDetail, post, untilReady } from "../../support/http.ts";
import { tlsFiles } from "../../support/tls/files.ts";
import { until } from "../../support/until.ts";

const { ca, clientCert, clientKey } = tlsFiles();
const unsecuredJws = [
  { alg: "none" },
  { sub: "onramp", iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 3600 },
]
  .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
  .join(".");

describeIf(secureBrokers.length > 0, "kafka: SASL_SSL and ACLs", function () {
  this.timeout(60_000);
  let topic: string;
  before(async () => {
    topic = await createTopic(plainBrokers, {}, `secure-${Date.now()}`);
    await allow("onramp", topic, "ALL");
    await allow("onramp-client", topic, "ALL");
  });

  const sasl = { username: "onramp", password: SCRAM_USERS.onramp };
  const logins = {
    "SCRAM-SHA-512": { mechanism: "scram-sha-512", ...sasl },
    "SCRAM-SHA-256": { mechanism: "scram-sha-256", ...sasl },
    PLAIN: { mechanism: "plain", ...sasl },
    OAUTHBEARER: { mechanism: "oauthbearer", token: `${unsecuredJws}.` },
  };
  for (const [name, login] of Object.entries(logins)) {
    it(`produces with ${name} over TLS, client certificate included`, async () => {
      const gateway = await startTestGateway(secureBrokers, {
        kafka: { tls: { ca, cert: clientCert, key: clientKey }, sasl: login },
      });
      await untilReady(gateway);
      const answer = await post(gateway, `/topics/${topic}`, undefined, name);
      assert.equal(answer.status, 200, answer.text);
    });
  }

  it("creates topics through kafkajs with the same login", async () => {
    await allow("onramp", "kafka-cluster", "CREATE", "CLUSTER");
    const name = `made-${Date.now()}`;
    await allow("onramp", name, "ALL");
    const gateway = await startTestGateway(secureBrokers, {
      kafka: { createTopics: true, tls: { ca }, sasl: logins["SCRAM-SHA-512"] },
      topics: { [name]: {} },
    });
    await untilReady(gateway);
    assert.equal((await post(gateway, `/topics/${name}`, undefined, "x")).status, 200);
  });

  it("is not ready with a wrong password, and reports why without the password", async () => {
    const gateway = await startTestGateway(secureBrokers, {
      kafka: {
        tls: { ca },
        sasl: { mechanism: "scram-sha-512", username: "onramp", password: "wrong-password" },
      },
    });
    let text = "";
    await until(async () => {
      text = await readiness(gateway);
      return text.includes("SASL_AUTHENTICATION_FAILED");
    });
    assert.ok(!text.includes("wrong-password"));
    assert.equal((await post(gateway, `/topics/${topic}`, undefined, "x")).status, 503);
  });

  it("answers 403 without any ACL: the broker does not show the topic", async () => {
    const gateway = await startTestGateway(secureBrokers, { kafka: limitedLogin });
    await connected(gateway);
    const { status, body } = await post(gateway, `/topics/${topic}`, undefined, "x");
    assert.deepEqual([status, body.error_code], [403, 40301]);
    assert.match(body.detail, /ACL "Describe" on topic/);
  });

  it("answers 403 that names Write if the user has only the ACL Describe", async () => {
    await allow("limited", topic, "DESCRIBE");
    const gateway = await startTestGateway(secureBrokers, { kafka: limitedLogin });
    await connected(gateway);
    const { status, body } = await post(gateway, `/topics/${topic}`, undefined, "x");
    assert.deepEqual([status, body.error_code], [403, 40301]);
    assert.match(body.detail, /"Write" on topic/);
  });

  it("is not ready with a certificate authority that is not trusted, and reports that", async () => {
    const gateway = await startTestGateway(secureBrokers, { kafka: { tls: true, sasl: logins.PLAIN } });
    await until(async () => /certificate/.test(await readiness(gateway)));
  });
});

const readiness = async ({ adminUrl }: Gateway): Promise<string> =>
  (await fetch(`${adminUrl}/readyz`)).text();

/** Like `untilReady`, for a user without an ACL to produce. */
function connected(gateway: Gateway): Promise<void> {
  return until(async () => /able to produce|IdempotentWrite/.test(await kafkaDetail(gateway)));
}
