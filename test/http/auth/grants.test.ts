// What tokens grant, without a server.

import { strict as assert } from "node:assert";
import { createToken } from "../../../src/core/token.ts";
import { createAuth, type TokenGrant } from "../../../src/http/auth/tokens.ts";
import { thrownCode } from "../../support/codes.ts";

const { token, hash } = createToken();
const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;

/** The caller whose token has this grant. */
const callerOf = (grant: Omit<TokenGrant, "hash">) =>
  createAuth({ shop: { hash, ...grant } }).caller(`Bearer ${token}`);

describe("http: callers", () => {
  it("may do everything if no tokens are configured, with or without a token", () => {
    for (const authorization of [undefined, "Bearer nonsense"]) {
      const { name, mayProduce, mayRead } = createAuth(undefined).caller(authorization);
      assert.deepEqual([name, mayProduce("t"), mayRead("t")], [undefined, true, true]);
    }
  });

  it("are identified by their token, as Bearer or as the password of Basic", () => {
    const auth = createAuth({ other: { hash: createToken().hash }, shop: { hash } });
    for (const authorization of [
      `Bearer ${token}`,
      `bearer  ${token}`,
      `BEARER ${token}`,
      basic(`user:${token}`),
      basic(`:${token}`),
      basic(token),
      basic(`user:${token}`).replace("Basic", "BASIC"),
    ])
      assert.equal(auth.caller(authorization).name, "shop", authorization);
  });

  it("are refused with any other header, every time: 401", () => {
    const auth = createAuth({ shop: { hash } });
    for (const authorization of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      token,
      `Token ${token}`,
      basic(`user:${token}`).replace("Basic", "Digest"),
      `Bearer ${token}x`,
      `Bearer ${createToken().token}`,
      `xBearer ${token}`,
      ` Bearer ${token}`,
      basic(`${token}:`),
      basic(`user:name:${token}`),
      `Basic user:${token}`,
    ])
      assert.deepEqual(
        [0, 1].map(() => thrownCode(() => auth.caller(authorization))),
        [40101, 40101],
        authorization,
      );
  });

  it("are asked for a token if they send none; the error for a wrong token does not contain it", () => {
    const auth = createAuth({ shop: { hash } });
    assert.throws(() => auth.caller(undefined), /send `Authorization: Bearer <token>`/);
    assert.throws(
      () => auth.caller("Bearer secret"),
      (error: Error) => !error.message.includes("secret"),
    );
  });

  it("are found by their name, with the hash of their token", () => {
    const auth = createAuth({ shop: { hash, read: ["a"] } });
    assert.deepEqual([auth.byName("shop")?.hash, auth.byName("shop")?.mayRead("a")], [hash, true]);
    assert.equal(auth.byName("shop"), auth.caller(`Bearer ${token}`));
    for (const name of [undefined, "", "other", "__proto__", "constructor"])
      assert.equal(auth.byName(name), undefined);
    const open = createAuth(undefined);
    assert.equal(open.byName(undefined), open.caller(undefined));
    assert.equal(open.byName("shop"), undefined);
  });

  it("keep their identity in every request, whatever other callers send", () => {
    const tokens = Array.from({ length: 3 }, () => createToken());
    const auth = createAuth(Object.fromEntries(tokens.map((each, n) => [`n${n}`, { hash: each.hash }])));
    for (let round = 0; round < 400; round++)
      for (const [n, each] of tokens.entries())
        assert.equal(auth.caller(basic(`${round}:${each.token}`)).name, `n${n}`);
    for (const [n, each] of tokens.entries()) assert.equal(auth.caller(`Bearer ${each.token}`).name, `n${n}`);
  });
});

describe("http: grants", () => {
  it("are none by default", () => {
    const caller = callerOf({});
    assert.deepEqual(
      [caller.mayProduce("t"), caller.mayRead("t"), caller.mayProduce("")],
      [false, false, false],
    );
  });

  it("permit producing and reading, each by its own list", () => {
    const caller = callerOf({ produce: ["a"], read: ["b"] });
    assert.deepEqual(
      [caller.mayProduce("a"), caller.mayProduce("b"), caller.mayRead("a"), caller.mayRead("b")],
      [true, false, false, true],
    );
  });

  const rows: readonly [patterns: string[], topics: string[], others: string[]][] = [
    [["orders"], ["orders"], ["order", "orders2", "xorders", "Orders"]],
    [["shop.*"], ["shop.", "shop.a", "shop.a.b"], ["shop", "shopxa", "xshop.a"]],
    [["*.log"], [".log", "a.log"], ["a.logs", "alog"]],
    [["a*b*c"], ["abc", "axbyc", "abcbc"], ["ab", "acb", "abcd", "xabc"]],
    [["*"], ["", "anything"], []],
    [["a+b*"], ["a+b", "a+bc"], ["aab", "ab"]],
    [
      ["a", "b*"],
      ["a", "b", "bb"],
      ["aa", "ab"],
    ],
  ];
  for (const [patterns, topics, others] of rows)
    it(`${patterns.join(" and ")}: ${topics.length} of these topics`, () => {
      const { mayProduce } = callerOf({ produce: patterns });
      assert.deepEqual([...topics, ...others].map(mayProduce), [
        ...topics.map(() => true),
        ...others.map(() => false),
      ]);
    });
});
