// Tokens: the topics that each may produce to and read.

import { strict as assert } from "node:assert";
import { createToken } from "../../../src/core/token.ts";
import { useBroker } from "../../support/broker.ts";
import { useGateway } from "../../support/gateway.ts";
import { post, send } from "../../support/http.ts";

describe("http: tokens", () => {
  const broker = useBroker();
  const [shop, reader] = [createToken(), createToken()];
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({
      http: {
        host: "127.0.0.1",
        auth: {
          tokens: {
            shop: { hash: shop.hash, produce: ["t-*"] },
            reader: { hash: reader.hash, read: ["t-*"] },
          },
        },
      },
    }),
  );
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  it("lets a token produce to the topics of its list, by Bearer or as Basic password", async () => {
    const topic = await broker.topic();
    assert.equal((await post(gateway(), `/topics/${topic}`, undefined, "x", bearer(shop.token))).status, 200);
    const basic = `Basic ${Buffer.from(`any-user:${shop.token}`).toString("base64")}`;
    assert.equal(
      (await post(gateway(), `/topics/${topic}`, undefined, "x", { authorization: basic })).status,
      200,
    );
  });

  it("does not let a reader produce", async () => {
    const topic = await broker.topic();
    assert.equal(
      (await post(gateway(), `/topics/${topic}`, undefined, "x", bearer(reader.token))).status,
      403,
    );
    assert.equal((await send(gateway(), `/topics/${topic}`, { headers: bearer(reader.token) })).status, 200);
  });

  it("lists only topics that the token may use, and never reserved ones", async () => {
    const topic = await broker.topic();
    const { body } = await send(gateway(), "/topics", { headers: bearer(shop.token) });
    assert.ok(body.includes(topic));
    assert.ok(body.every((name: string) => name.startsWith("t-")));
    assert.equal((await send(gateway(), "/topics")).status, 401);
    assert.equal(
      (await send(gateway(), "/topics/__consumer_offsets", { headers: bearer(shop.token) })).status,
      403,
    );
  });

  it("serves the contract without a token", async () => {
    const { status, text } = await send(gateway(), "/openapi.yaml");
    assert.equal(status, 200);
    assert.match(text, /^openapi: 3\.0/);
  });
});
