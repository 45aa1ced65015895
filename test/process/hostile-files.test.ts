// Files that the configuration names and that are not regular files: the start neither hangs nor exhausts the memory.

import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { run } from "../support/process.ts";

const MEGABYTE = 1024 * 1024;

describe("process: hostile files", function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "onramp-hostile-"));
    execFileSync("mkfifo", [path.join(folder, "fifo")]);
    mkdirSync(path.join(folder, "dir"));
    writeFileSync(path.join(folder, "full"), "x".repeat(MEGABYTE));
    writeFileSync(path.join(folder, "large"), "x".repeat(MEGABYTE + 1));
    writeFileSync(path.join(folder, "spaces"), "  \t\n");
    // As Kubernetes mounts a secret.
    mkdirSync(path.join(folder, "..data"));
    writeFileSync(path.join(folder, "..data", "secret"), "a-secret\n");
    symlinkSync(path.join("..data", "secret"), path.join(folder, "secret"));
    symlinkSync("fifo", path.join(folder, "link-to-fifo"));
    symlinkSync("loop", path.join(folder, "loop"));
  });
  after(() => rmSync(folder, { recursive: true }));

  const config = (text: string): string => {
    const file = path.join(folder, "onramp.yaml");
    writeFileSync(file, text);
    return file;
  };

  it("each is a problem with the path of its option, the file and the reason", async () => {
    const names = [
      "fifo",
      "link-to-fifo",
      "/dev/zero",
      "dir",
      "large",
      "loop",
      "none",
      "secret",
      "full",
      "spaces",
    ];
    const { code, stderr } = await run([
      "check",
      config(
        [
          `webhooks: { g: { type: github, topic: G, secrets: [${names.map((name) => `"\${file:${name}}"`)}] } }`,
          "topics: { f: { schema: fifo }, z: { schema: /dev/zero }, d: { schema: dir } }",
          "http: { tls: { cert: fifo, key: /dev/zero } }",
          "kafka: { tls: { ca: fifo, cert: dir, key: link-to-fifo } }",
        ].join("\n"),
      ),
    ]);
    assert.equal(code, 1);
    for (const [at, problem] of [
      ["webhooks.g.secrets.0", "cannot read the file fifo (it is not a regular file)"],
      ["webhooks.g.secrets.1", "cannot read the file link-to-fifo (it is not a regular file)"],
      ["webhooks.g.secrets.2", "cannot read the file /dev/zero (it is not a regular file)"],
      ["webhooks.g.secrets.3", "cannot read the file dir (it is not a regular file)"],
      ["webhooks.g.secrets.4", "cannot read the file large (it has more than 1048576 bytes)"],
      ["webhooks.g.secrets.5", "cannot read the file loop (ELOOP)"],
      ["webhooks.g.secrets.6", "cannot read the file none (ENOENT)"],
      ["webhooks.g.secrets.9", "must not consist of whitespace only"],
      ...["topics.f.schema", "topics.z.schema", "topics.d.schema", "http.tls.cert", "http.tls.key"].map(
        (each) => [each, "cannot use the file: it is not a regular file"],
      ),
      ...["kafka.tls.ca", "kafka.tls.cert", "kafka.tls.key"].map((each) => [
        each,
        "it is not a regular file",
      ]),
    ] as const)
      assert.ok(
        stderr.split("\n").some((line) => line.startsWith(`  ${at}: `) && line.includes(problem as string)),
        `${at}: ${problem} in\n${stderr}`,
      );
    // A link to a file, and a file of just 1 MB, are valid.
    assert.doesNotMatch(stderr, /secrets\.[78]/);
  });

  it("the start with such a file ends at once, with exit code 1", async () => {
    const { code, stderr } = await run([
      "start",
      config('topics: { "${file:fifo}": {} }\nkafka: { namespace: "${file:fifo}" }'),
    ]);
    assert.equal(code, 1);
    assert.match(stderr, /kafka\.namespace: cannot read the file fifo/);
  });

  it("a configuration file that never ends, or is a folder, is a problem", async () => {
    for (const [file, problem] of [
      ["/dev/zero", /cannot use the file: it has more than 524288 bytes$/m],
      [path.join(folder, "dir"), /cannot read the file \(EISDIR\); check its path/],
    ] as const) {
      const { code, stderr } = await run(["check", file]);
      assert.equal(code, 1);
      assert.match(stderr, problem);
    }
  });
});
