// kcat (librdkafka) as a client of the broker, and as a reader of the batches that the gateway compresses.

import { strict as assert } from "node:assert";
import zlib from "node:zlib";
import { useBroker } from "../../support/broker.ts";
import { startTestGateway } from "../../support/gateway.ts";
import { post, V2_TEXT } from "../../support/http.ts";
import { itWithKcat, kcat } from "../../support/kcat.ts";

describe("conformance: kcat", () => {
  const broker = useBroker();
  const at = () => ["-b", broker.addresses().join(",")];

  itWithKcat("lists, produces and consumes", async () => {
    const topic = await broker.topic();
    const listing = await kcat([...at(), "-L", "-t", topic]);
    assert.match(listing, new RegExp(`topic "${topic}" with 1 partitions`));
    await kcat([...at(), "-P", "-t", topic, "-K:", "-H", "h=x"], "k1:one\nk2:two\n");
    const read = ["-C", "-t", topic, "-e", "-q", "-o", "beginning", "-f", "%k=%s %h %o\\n"];
    assert.equal(await kcat([...at(), ...read]), "k1=one h=x 0\nk2=two h=x 1\n");
  });

  itWithKcat("produces idempotently with compression and joins a group", async () => {
    const topic = await broker.topic();
    await kcat([...at(), "-P", "-t", topic, "-X", "enable.idempotence=true", "-z", "gzip"], "a\nb\nc\n");
    const join = ["-q", "-e", "-X", "auto.offset.reset=earliest", "-G", `g-${topic}`, topic];
    assert.equal(await kcat([...at(), ...join]), "a\nb\nc\n");
  });

  for (const compression of ["gzip", "snappy", "lz4", ...("zstdCompressSync" in zlib ? ["zstd"] : [])])
    itWithKcat(`reads batches that the gateway compressed with ${compression}`, async () => {
      const topic = await broker.topic();
      const gateway = await startTestGateway(broker.addresses(), { kafka: { compression } });
      const values = Array.from({ length: 2000 }, (_, n) => `value ${n} ${"x".repeat(n % 100)}`);
      const body = JSON.stringify({ records: values.map((value) => ({ value })) });
      assert.equal((await post(gateway, `/topics/${topic}`, V2_TEXT, body)).status, 200);
      assert.equal(await kcat([...at(), "-C", "-t", topic, "-e", "-q"]), `${values.join("\n")}\n`);
    });
});
