// The adapters of the documentation: their code is extracted from the pages, compiled, and tested with the
// contract suites that the pages run.

import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";

const root = path.join(import.meta.dirname, "..", "..");

/** The code of a page: its path, and the name of the kind that it exports. */
interface Page {
  readonly page: string;
  readonly kind: string;
  readonly adapter: string;
  readonly test: string;
  /** The number of lines that the adapter may not reach. Default: 60. */
  readonly most?: number;
}

const pages: readonly Page[] = [
  {
    page: "docs/write-a-sink.md",
    kind: "discord",
    adapter: "src/sinks/discord.ts",
    test: "test/sinks/discord.test.ts",
  },
  {
    page: "docs/write-a-source.md",
    kind: "ticks",
    adapter: "src/sources/ticks.ts",
    test: "test/sources/ticks.test.ts",
    most: 40,
  },
  {
    page: "docs/write-a-webhook.md",
    kind: "standard",
    adapter: "src/webhooks/standard.ts",
    test: "test/webhooks/standard.test.ts",
  },
];

const extracted = pages.map(extract);
for (const { folder, test } of extracted) await import(pathToFileURL(path.join(folder, test)).href);

describe("docs: write an adapter", function () {
  this.timeout(60_000);
  for (const { page, folder, lines, most } of extracted)
    it(`${page} builds an adapter of fewer than ${most} lines, which compiles with its test`, () => {
      assert.ok(lines < most, `${lines} lines`);
      assert.equal(compile(folder), "");
    });
});

/**
 * Writes the adapter and the test of a page into a separate folder, with imports of files in this checkout.
 */
function extract({ page, kind, adapter, test, most = 60 }: Page) {
  const text = readFileSync(path.join(root, page), "utf8");
  const [code = "", suite = "", ...more] = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(
    ([, block = ""]) => block,
  );
  assert.equal(more.length, 0, `${page} has two blocks of TypeScript: the adapter and its test`);
  const folder = mkdtempSync(path.join(tmpdir(), "onramp-docs-"));
  const write = (file: string, content: string): void => {
    mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(folder, file), content);
  };
  write("package.json", '{"type":"module"}');
  write(adapter, withImports(code, folder, adapter));
  // The page adds the kind to the register of the build; here the suite adds it.
  const added = suite.replace(/^(\w+Contract\("[^"]+", \{)$/m, "$1\n  kind,");
  assert.notEqual(added, suite, `${page} runs a contract suite`);
  const source = path.relative(path.dirname(test), adapter);
  write(test, `import { ${kind} as kind } from "${source}";\n${withImports(added, folder, test)}`);
  return { page, folder, test, most, lines: code.split("\n").length };
}

/** The code of `file`, with its relative imports changed so that they resolve from `folder`. */
function withImports(code: string, folder: string, file: string): string {
  const place = path.dirname(path.join(folder, file));
  return code.replaceAll(/from "(\.[^"]+)"/g, (_, specifier: string) => {
    const target = path.join(root, path.dirname(file), specifier);
    return `from ${JSON.stringify(path.relative(place, target))}`;
  });
}

/** @returns the compiler's errors */
function compile(folder: string): string {
  const project = path.join(folder, "tsconfig.json");
  const config = {
    extends: path.join(root, "tsconfig.json"),
    compilerOptions: { typeRoots: [path.join(root, "node_modules", "@types")] },
    include: [path.join(folder, "**", "*.ts")],
    exclude: [],
  };
  writeFileSync(project, JSON.stringify(config));
  const tsc = path.join(root, "node_modules", ".bin", "tsc");
  return spawnSync(tsc, ["-p", project], { encoding: "utf8" }).stdout;
}
