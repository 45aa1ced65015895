// The proxies of outgoing requests.

import { strict as assert } from "node:assert";
import "../../src/kafka/admin/kafkajs-repairs.ts";
import { createAgent, environmentProxy, parseProxy } from "../../src/web/agent.ts";
import { HttpFailure, InvalidProxy, ProxyRefused } from "../../src/web/failure.ts";
import { boundedFetch } from "../../src/web/fetch.ts";
import { clientCredentials } from "../../src/web/oauth.ts";
import { exchange } from "../../src/web/request.ts";
import { setProxies, startProxy } from "../support/proxy.ts";
import { startRawServer } from "../support/raw-server.ts";
import { startReceiver } from "../support/receiver.ts";

const limits = { receiver: "Example", timeoutMs: 5000, cancel: new AbortController().signal, now: () => 0 };
const withPassword = (url: string): string => url.replace("//", "//user:pr0xy-secret@");

describe("web: proxies", function () {
  this.timeout(10_000);

  it("that the environment names are used, with their user and password, except for NO_PROXY", async () => {
    const [proxy, receiver] = [await startProxy(), await startReceiver()];
    setProxies({ HTTP_PROXY: withPassword(proxy.url) });
    await boundedFetch(limits)(receiver.url, { method: "POST", body: "b" });
    const authorization = `Basic ${Buffer.from("user:pr0xy-secret").toString("base64")}`;
    assert.deepEqual(proxy.tunnels, [{ target: `127.0.0.1:${receiver.port}`, authorization }]);
    assert.equal(receiver.arrived[0]?.body, "b");
    assert.equal(receiver.arrived[0]?.headers["proxy-authorization"], undefined);
    for (const NO_PROXY of ["127.0.0.1", `example.com, 127.0.0.1:${receiver.port}`, "*"]) {
      setProxies({ HTTP_PROXY: proxy.url, NO_PROXY });
      await boundedFetch(limits)(receiver.url);
    }
    assert.deepEqual([proxy.tunnels.length, receiver.taken.length], [1, 4]);
  });

  it("are selected by the scheme of the URL, in upper or lower case", () => {
    setProxies({ HTTP_PROXY: "http://a:1", https_proxy: "http://b:2", NO_PROXY: ".internal.example" });
    const proxyOf = (url: string) => environmentProxy(new URL(url))?.href;
    assert.deepEqual(
      ["http://x.example/", "https://x.example/", "https://x.internal.example/"].map(proxyOf),
      ["http://a:1/", "http://b:2/", undefined],
    );
    setProxies({ ALL_PROXY: "http://c:3" });
    assert.deepEqual(["http://x/", "https://x/"].map(proxyOf), ["http://c:3/", "http://c:3/"]);
    setProxies({});
    assert.equal(proxyOf("https://x.example/"), undefined);
  });

  it("are http proxies if they have no scheme, in all variables", () => {
    for (const [name, url] of [
      ["HTTPS_PROXY", "https://x.example/"],
      ["http_proxy", "http://x.example/"],
      ["ALL_PROXY", "https://x.example/"],
    ] as const) {
      setProxies({ [name]: "user:pw@proxy.example:3128" });
      assert.equal(environmentProxy(new URL(url))?.href, "http://user:pw@proxy.example:3128/");
    }
  });

  it("are not used for the names, addresses and blocks of NO_PROXY", () => {
    const isProxied = (NO_PROXY: string, url: string): boolean => {
      setProxies({ ALL_PROXY: "http://p:1", NO_PROXY });
      return environmentProxy(new URL(url)) !== undefined;
    };
    for (const [entry, url] of [
      ["slack.com", "https://hooks.slack.com/x"],
      ["slack.com", "https://slack.com/x"],
      [".slack.com", "https://hooks.slack.com/x"],
      [".slack.com", "https://slack.com/x"],
      ["*.slack.com", "https://hooks.slack.com/x"],
      ["SLACK.com", "https://Hooks.Slack.Com/x"],
      ["a.example slack.com:443", "https://hooks.slack.com/x"],
      ["slack.com.", "https://hooks.slack.com./x"],
      ["localhost, *", "https://x.example/"],
      ["10.0.0.0/8", "https://10.1.2.3/"],
      ["10.1.2.3", "https://10.1.2.3/"],
      ["10.1.2.3:8080", "http://10.1.2.3:8080/"],
      ["::1", "https://[::1]/"],
      ["[::1]", "https://[::1]/"],
      ["[::1]:443", "https://[::1]/"],
      ["0:0:0:0:0:0:0:1", "https://[::1]/"],
      ["fd00::/8", "https://[fd00::5]/"],
    ] as const)
      assert.equal(isProxied(entry, url), false, `${entry} ${url}`);
    for (const [entry, url] of [
      ["slack.com", "https://notslack.com/"],
      ["hooks.slack.com", "https://slack.com/"],
      ["slack.com:80", "https://slack.com/"],
      ["10.0.0.0/8", "https://11.1.2.3/"],
      ["10.0.0.0/8", "https://x.example/"],
      ["2.3", "https://10.1.2.3/"],
      ["fd00::/8", "https://[fe80::5]/"],
      ["::1", "https://[::2]/"],
      ["", "https://x.example/"],
    ] as const)
      assert.equal(isProxied(entry, url), true, `${entry} ${url}`);
  });

  it("a block in NO_PROXY that is not valid is refused, also beside an entry that matches", () => {
    for (const block of ["10.0.0.0/33", "fd00::/129", "10.0.0.0/"]) {
      setProxies({ ALL_PROXY: "http://p:1", NO_PROXY: `10.1.2.3,${block}` });
      for (const url of ["https://10.1.2.3/", "https://x.example/"])
        assert.throws(
          () => environmentProxy(new URL(url)),
          /^Error: NO_PROXY: ".*" is not a CIDR block, such as/,
        );
    }
    for (const other of ["/var/run/docker.sock", "http://internal.example", "slack.com/x"]) {
      setProxies({ ALL_PROXY: "http://p:1", NO_PROXY: other });
      assert.equal(environmentProxy(new URL("https://x.example/"))?.port, "1", other);
    }
    setProxies({ NO_PROXY: "10.0.0.0/33" });
    assert.equal(environmentProxy(new URL("https://x.example/")), undefined);
  });

  it("that do not answer with HTTP, or close the connection, are named as the cause", async () => {
    const receiver = await startReceiver();
    for (const [answer, says] of [
      ["nonsense\r\n\r\n", "the answer of the proxy to CONNECT is not valid HTTP"],
      ["nonsense\r\nmore\r\n\r\n", "the answer of the proxy to CONNECT is not valid HTTP"],
      ["\r\n\r\n", "the answer of the proxy to CONNECT is not valid HTTP"],
      ["SSH-2.0-OpenSSH_9\r\n", "the proxy closed the connection before it answered CONNECT"],
      ["", "the proxy closed the connection before it answered CONNECT"],
    ] as const) {
      setProxies({ HTTP_PROXY: withPassword(await startRawServer(answer)) });
      await assert.rejects(boundedFetch(limits)(receiver.url), (error: Error) => {
        assert.ok(error instanceof HttpFailure && error.status === undefined && !error.isUnreadable);
        assert.equal(
          error.message,
          `Example cannot be reached through the proxy: ${says}; check the host and the port of the proxy`,
        );
        return true;
      });
    }
  });

  it("are used for tokens of OAuth", async () => {
    const [proxy, receiver] = [await startProxy(), await startReceiver()];
    receiver.script = () => ({ status: 200, body: '{"access_token":"t"}' });
    setProxies({ HTTP_PROXY: proxy.url });
    const endpoint = { tokenEndpoint: `${receiver.url}/token`, clientId: "id", clientSecret: "oauth-secret" };
    const tokens = clientCredentials({ owner: "kafka.sasl", ...endpoint });
    assert.equal(await tokens.get(), "t");
    assert.equal(proxy.tunnels.length, 1);
    assert.equal(
      receiver.arrived[0]?.headers["content-type"],
      "application/x-www-form-urlencoded;charset=UTF-8",
    );
    assert.equal(receiver.arrived[0]?.body, "grant_type=client_credentials");
  });

  it("that refuse a tunnel are named as the cause, without their password", async () => {
    const [proxy, receiver] = [await startProxy(), await startReceiver()];
    setProxies({ HTTP_PROXY: withPassword(proxy.url) });
    for (const [status, says] of [
      [407, /the proxy answered CONNECT with 407; set the user name and the password/],
      [403, /the proxy answered CONNECT with 403; check that the proxy allows/],
    ] as const) {
      proxy.script = () => status;
      await assert.rejects(boundedFetch(limits)(receiver.url), (error: Error) => {
        assert.ok(error instanceof ProxyRefused && error.status === status);
        assert.doesNotMatch(JSON.stringify(error) + error.stack, /pr0xy-secret/);
        return says.test(error.message);
      });
    }
    assert.equal(receiver.arrived.length, 0);
  });

  it("that do not answer or cannot be reached end the attempt at its time limit", async () => {
    const [proxy, receiver] = [await startProxy(), await startReceiver()];
    proxy.script = () => undefined;
    setProxies({ HTTP_PROXY: withPassword(proxy.url) });
    await assert.rejects(
      boundedFetch({ ...limits, timeoutMs: 500 })(receiver.url),
      (error: Error) =>
        error instanceof HttpFailure &&
        error.message === "Example cannot be reached through the proxy: no answer within 500 ms",
    );
    setProxies({ HTTP_PROXY: "http://user:pr0xy-secret@127.0.0.1:1" });
    await assert.rejects(
      boundedFetch(limits)(receiver.url),
      (error: Error) => error.message === "Example cannot be reached through the proxy: ECONNREFUSED",
    );
  });

  it("that do not open a tunnel do not occupy the connections of the agent", async () => {
    const [proxy, receiver] = [await startProxy(), await startReceiver()];
    proxy.script = () => undefined;
    const url = new URL(receiver.url);
    const agent = createAgent(url, {}, new URL(proxy.url), 1000, 50);
    agent.maxSockets = 1;
    const request = { receiver: "Example", url, method: "POST", headers: {}, body: Buffer.alloc(0) };
    const send = () => exchange({ ...request, timeoutMs: 5000, agent, now: 0, secrets: [] }, limits.cancel);
    await assert.rejects(send(), /through the proxy: the proxy opened no tunnel within 50 ms$/);
    proxy.script = () => 200;
    await send();
    assert.equal(receiver.taken.length, 1);
  });

  it("must be URLs; the error does not quote them", () => {
    for (const text of [
      "http://user:pr0xy-secret%@p:1",
      "socks5://user:pr0xy-secret@p:1",
      "http://user:pr0xy-secret@p:99999",
      "pr0xy-secret",
    ])
      assert.throws(
        () => parseProxy(text, "proxy"),
        (error: Error) => error instanceof InvalidProxy && !error.message.includes("pr0xy-secret"),
      );
    setProxies({ HTTPS_PROXY: "http://user:pr0xy-secret@p:99999" });
    assert.throws(
      () => environmentProxy(new URL("https://x/")),
      /^InvalidProxy: HTTP_PROXY, HTTPS_PROXY or ALL_PROXY must/,
    );
  });
});
