// The PEM files of a TLS client.

import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { readTlsFiles } from "../../src/core/tls-files.ts";

describe("core: TLS files", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "onramp-tls-"));
    for (const name of ["ca", "cert", "key"]) writeFileSync(path.join(folder, `${name}.pem`), `the ${name}`);
  });
  after(() => rmSync(folder, { recursive: true }));

  it("are read from the folder of the configuration, each as the member that names it", () => {
    const files = { ca: "ca.pem", cert: "./cert.pem", key: path.join(folder, "key.pem") };
    const read = Object.entries(readTlsFiles(files, folder)).map(([name, pem]) => [name, String(pem)]);
    assert.deepEqual(read, [
      ["ca", "the ca"],
      ["cert", "the cert"],
      ["key", "the key"],
    ]);
  });
  it("are left out if they are not configured", () => {
    assert.deepEqual(readTlsFiles({}, folder), {});
    assert.deepEqual(Object.keys(readTlsFiles({ ca: "ca.pem" }, folder)), ["ca"]);
  });
  it("are an error if they cannot be read", () => {
    assert.throws(() => readTlsFiles({ key: "none.pem" }, folder), { code: "ENOENT" });
  });
});
