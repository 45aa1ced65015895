// The package as a user gets it: packed, installed into an empty folder, and used from there.

import { strict as assert } from "node:assert";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { describeIf, thorough } from "../support/broker.ts";
import { nodeOf } from "../support/node-versions.ts";
import { launch } from "../support/process.ts";
import { until } from "../support/until.ts";

const sh = promisify(execFile);
const NOT_COPIED = new Set([".git", "node_modules", "dist", "coverage", ".report", "test", "bench"]);

describeIf(thorough, "process: the package", function () {
  this.timeout(180_000);
  let folder = "";
  let printed = "";

  before("is packed and installed into an empty folder", async () => {
    folder = mkdtempSync(path.join(tmpdir(), "onramp-package-"));
    const source = path.join(folder, "source");
    // A copy, because packing builds `dist`, which other tests run.
    cpSync(".", source, { recursive: true, filter: (file) => !NOT_COPIED.has(file) });
    symlinkSync(path.resolve("node_modules"), path.join(source, "node_modules"));
    const { stdout } = await sh("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: source });
    const file = path.join(folder, stdout.trim().split("\n").at(-1) ?? "");
    folder = mkdtempSync(path.join(tmpdir(), "onramp-installed-"));
    const { stderr } = await sh("npm", ["install", "--prefix", folder, file], { cwd: folder });
    printed = stderr;
  });
  const onramp = async (...args: string[]) => {
    const options = { cwd: folder, env: { PATH: process.env["PATH"] } };
    try {
      return { code: 0, ...(await sh("npx", ["--no", "--", "kafka-onramp", ...args], options)) };
    } catch (error) {
      return error as { code: number; stdout: string; stderr: string };
    }
  };
  const installed = (): string => path.join(folder, "node_modules", "kafka-onramp");

  it("installs without scripts, and has the files that it needs, and no source maps", () => {
    assert.doesNotMatch(printed, /install-scripts/);
    const files = readdirSync(installed(), { recursive: true, encoding: "utf8" });
    for (const file of ["openapi.yaml", "openapi-compat.yaml", "schemas/github.json", "README.md", "LICENSE"])
      assert.ok(files.includes(file), file);
    assert.deepEqual(
      files.filter((file) => file.endsWith(".map")),
      [],
    );
    assert.doesNotMatch(readFileSync(path.join(installed(), "dist", "main.js"), "utf8"), /sourceMappingURL/);
    const { repository, homepage, bugs, keywords } = JSON.parse(
      readFileSync(path.join(installed(), "package.json"), "utf8"),
    );
    for (const member of [repository.url, homepage, bugs.url ?? bugs, keywords[0]]) assert.ok(member);
  });

  it("prints its help and version, and a token", async () => {
    assert.match((await onramp("--help")).stdout, /^Usage: onramp \[command\]/);
    assert.match((await onramp("--version")).stdout, /^\d+\.\d+\.\d+\n$/);
    assert.match((await onramp("token", "shop")).stdout, /onr_[\w-]{43}/);
  });

  it("checks the README's configuration, and a broken one", async () => {
    const [, yaml = ""] = /```yaml\n(.*?)```/s.exec(readFileSync("README.md", "utf8")) ?? [];
    const file = path.join(folder, "onramp.yaml");
    writeFileSync(file, yaml.replaceAll(/\$\{env:\w+\}/g, "http://127.0.0.1/"));
    const good = await onramp("check", "onramp.yaml");
    assert.deepEqual([good.code, good.stdout.startsWith("onramp.yaml is valid: ")], [0, true], good.stderr);
    writeFileSync(file, yaml.replace("brokers", "borkers").replaceAll(/\$\{env:\w+\}/g, "http://127.0.0.1/"));
    const bad = await onramp("check", "onramp.yaml");
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /^onramp\.yaml has \d problems?:\n {2}kafka\.borkers: unknown key/);
  });

  it("starts with the development broker, accepts a record, and prints it with `tail`", async () => {
    const main = path.join(installed(), "dist", "main.js");
    const gateway = await launch(["start", "--dev"], {}, main);
    try {
      const body = JSON.stringify({ orderId: "o-1" });
      const headers = { "content-type": "application/json" };
      await until(() => gateway.stderr().includes("Onramp is ready"));
      const { status } = await fetch(`${gateway.apiUrl}/topics/orders`, { method: "POST", headers, body });
      assert.equal(status, 200);
      const args = ["tail", "orders", "--from", "earliest", "--json", "--url", gateway.apiUrl];
      const tail = spawn(process.execPath, [main, ...args]);
      const [line] = await once(tail.stdout, "data");
      tail.kill();
      assert.deepEqual(JSON.parse(line).value, { orderId: "o-1" });
    } finally {
      assert.equal(await gateway.end(), 0);
    }
  });

  it("says in one sentence that Node.js is too old", async () => {
    const old = await nodeOf(18);
    const failure = await sh(old, [path.join(installed(), "dist", "main.js"), "start"]).catch(
      (error: unknown) => error as { code: number; stdout: string; stderr: string },
    );
    assert.deepEqual(
      [(failure as { code?: number }).code, failure.stdout, failure.stderr.split("\n").length],
      [1, "", 2],
      failure.stderr,
    );
    assert.match(failure.stderr, /^Onramp needs Node\.js 20\.19 or later; this is 18\.\d+\.\d+\.\n$/);
  });
});
