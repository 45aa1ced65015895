// Paths and methods: the produce path and Express agree.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { startAdmin, startApi } from "../support/api.ts";
import { rawExchange, send } from "../support/http.ts";

const catalog = {
  names: async () => ["t"],
  describe: async (name: string) => ({ name, configs: {}, partitions: [] }),
};
const contract: { readonly paths: Readonly<Record<string, object>> } = parse(
  readFileSync("openapi.yaml", "utf8"),
);
const METHODS = ["get", "post", "put", "patch", "delete", "trace", "head", "options"];
const listed = (headers: Headers): string[] => (headers.get("allow") ?? "").split(", ").sort();

describe("http: routes", () => {
  for (const [template, operations] of Object.entries(contract.paths))
    it(`${template} has the methods of the contract, and answers 405 to others`, async () => {
      const api = await startApi({ catalog });
      const path = template.replace("{topic}", "t").replace("{partition}", "0").replace("{name}", "w");
      const declared = METHODS.filter((method) => method in operations);
      const all = [...declared, ...(declared.includes("get") ? ["head"] : []), "options"];
      const allow = all.map((method) => method.toUpperCase()).sort();
      for (const method of METHODS.filter((name) => name !== "trace")) {
        const { status, headers, body } = await send(api, path, { method: method.toUpperCase() });
        if (method === "options") assert.deepEqual([status, listed(headers)], [204, allow]);
        else if (all.includes(method)) assert.notEqual(status, 405, method);
        else {
          assert.deepEqual([status, listed(headers)], [405, allow], method);
          if (method !== "head")
            assert.deepEqual([body.error_code, body.title], [40501, "Method not allowed"]);
        }
      }
      const traced = await rawExchange(
        api,
        `TRACE ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      );
      assert.match(traced, /^HTTP\/1\.1 405 [\s\S]*allow: /i);
    });

  it("ignore one slash at the end, for every method", async () => {
    const api = await startApi({ catalog });
    for (const path of ["/topics", "/topics/t", "/topics/t/partitions/0", "/webhooks/w", "/openapi.yaml"])
      for (const method of ["GET", "POST", "PUT", "OPTIONS"])
        for (const query of ["", "?key=a/"]) {
          const [plain, slash] = [
            await send(api, `${path}${query}`, { method }),
            await send(api, `${path}/${query}`, { method }),
          ];
          assert.deepEqual(
            [slash.status, slash.text, slash.headers.get("allow")],
            [plain.status, plain.text, plain.headers.get("allow")],
            `${method} ${path}/${query}`,
          );
        }
  });

  it("answer CONNECT with 405", async () => {
    const api = await startApi({ catalog });
    const answer = await rawExchange(
      api,
      "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
    );
    assert.match(answer, /^HTTP\/1\.1 405 [\s\S]*"error_code":40501/);
  });

  it("answer OPTIONS of a server in absolute form as OPTIONS *", async () => {
    const api = await startApi({ catalog });
    const answer = await rawExchange(
      api,
      "OPTIONS http://localhost HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert.match(answer, /^HTTP\/1\.1 204 [\s\S]*allow: .*POST/i);
  });

  it("answer 400 to a path that is not percent-encoded, for every method", async () => {
    const api = await startApi({ catalog });
    for (const method of ["GET", "POST"])
      assert.equal((await send(api, "/topics/%zz", { method })).body.error_code, 40001, method);
  });

  it("are case-sensitive, and ignore no more than one slash", async () => {
    const api = await startApi({ catalog });
    for (const path of ["/Topics/t", "/TOPICS", "/topics/t//", "/webhooks/w//"])
      for (const method of ["GET", "POST", "PUT", "OPTIONS"]) {
        const { status, body } = await send(api, path, { method });
        assert.deepEqual([status, body.error_code], [404, 40403], `${method} ${path}`);
      }
  });

  it("accept targets in absolute form, on the produce path too", async () => {
    const api = await startApi({ catalog });
    const ask = (line: string) =>
      rawExchange(api, `${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nv`);
    for (const line of [
      "POST http://gateway.example/topics/t?key=k",
      "POST HTTPS://gateway.example:8080/topics/t/partitions/0",
      "GET http://gateway.example/topics",
      "GET proxy://gateway.example/topics",
      "GET http://gateway.example/openapi.yaml?x",
    ])
      assert.match(await ask(line), /^HTTP\/1\.1 200 /, line);
    assert.deepEqual(
      api.appends.map(({ topic, records: [record] }) => [topic, record?.key?.toString(), record?.partition]),
      [
        ["t", "k", undefined],
        ["t", undefined, 0],
      ],
    );
    for (const line of ["GET http://gateway.example", "POST http://gateway.example?x"])
      assert.match(await ask(line), /^HTTP\/1\.1 404 /, line);
    assert.match(await ask("POST http://gateway.example/webhooks/w"), /^HTTP\/1\.1 404 [\s\S]*No webhook/);
    assert.match(await ask("PUT http://gateway.example/topics/t"), /^HTTP\/1\.1 405 /);
    assert.match(await ask("OPTIONS *"), /^HTTP\/1\.1 204 [\s\S]*allow: GET, HEAD, POST, OPTIONS/i);
  });

  it("of the admin port answer 405 with Allow, and accept HEAD and absolute form", async () => {
    const admin = await startAdmin({}, false);
    for (const path of ["/healthz", "/readyz", "/metrics", "/sinks"]) {
      for (const method of ["POST", "DELETE"]) {
        const { status, headers, body } = await send(admin, path, { method });
        assert.deepEqual([status, headers.get("allow"), body.error_code], [405, "GET, HEAD, OPTIONS", 40501]);
      }
      assert.equal((await send(admin, path, { method: "HEAD" })).status, 200);
      const { status, headers } = await send(admin, path, { method: "OPTIONS" });
      assert.deepEqual([status, headers.get("allow")], [204, "GET, HEAD, OPTIONS"]);
    }
    assert.equal((await send(admin, "/healthz/")).status, 200);
    assert.equal((await send(admin, "/Healthz")).status, 404);
    const absolute = "GET http://x/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert.match(await rawExchange(admin, absolute), /^HTTP\/1\.1 200 /);
  });
});
