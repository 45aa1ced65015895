// Checks source files against a table of rules about imports, libraries and size. `house.test.ts` has the table.

import path from "node:path";
import { type Comment, parse, type Token } from "acorn";
import blankSpace from "ts-blank-space";

/** The rules of a source tree. Paths are relative to `src`; a folder means every file below it. */
export interface House {
  /**
   * Folder or file -> the folders and files that it may import, besides its own. The longest match decides.
   */
  readonly mayImport: Readonly<Record<string, readonly string[]>>;
  /** Client library -> the folders and files that may import it. */
  readonly homes: Readonly<Record<string, readonly string[]>>;
  /** Folder or file -> the only folders and files that may import it. */
  readonly importedBy: Readonly<Record<string, readonly string[]>>;
  /** Type -> the only file that may cast a value to it. */
  readonly madeIn: Readonly<Record<string, string>>;
  /** The only files that may use `createRequire`, whose argument this test cannot follow. */
  readonly requires: readonly string[];
  /** Modules of Node that a folder may not import. */
  readonly withoutNode: Readonly<Record<string, readonly string[]>>;
  /** The only file that may touch `process`. */
  readonly process: string;
  /** The number of lines that no file may exceed. */
  readonly maxLines: number;
}

/** A source file: its path relative to `src`, and its text. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

/** @returns one sentence per violation */
export function violations(house: House, { file, text }: Source): string[] {
  const { code, tokens, imports } = scan(text);
  const key = ruleFor(Object.keys(house.mayImport), file);
  if (key === undefined) return [`src/${file} is in no folder of the table in test/house.test.ts`];
  const found = [...new Set([...imports, ...specifiers(code)])].flatMap((specifier) =>
    specifier.startsWith(".")
      ? localViolations(house, key, file, path.posix.join(path.posix.dirname(file), specifier))
      : libraryViolations(house, file, specifier),
  );
  found.push(...madeElsewhere(house, file, code));
  if (/\bimport\s*\(\s*(?!["'])/.test(code))
    found.push(`import() must have a string literal, so that this test can read it: src/${file}`);
  if (names(tokens).includes("createRequire") && !house.requires.includes(file))
    found.push(`only ${house.requires.join(" and ")} may use createRequire: src/${file} does`);
  if (file !== house.process && (touchesProcess(tokens) || imports.includes("node:process")))
    found.push(`only src/${house.process} may touch \`process\`: src/${file} does`);
  if (names(tokens).some((name) => name === "globalThis" || name === "global"))
    found.push(`src/${file} uses the global object, through which everything can be reached`);
  const lines = text.split("\n").length - 1;
  if (lines > house.maxLines)
    found.push(`src/${file} has ${lines} lines; split it (${house.maxLines} at most)`);
  return found;
}

function localViolations(house: House, key: string, file: string, target: string): string[] {
  const found: string[] = [];
  if (target.startsWith("../")) return [`src/${file} imports ${target}, which is outside of src`];
  const allowed = house.mayImport[key] ?? [];
  if (!isIn(target, key) && !allowed.some((place) => place === "*" || isIn(target, place)))
    found.push(`${key} may import ${listed(allowed)}: src/${file} imports ${target}`);
  for (const [guarded, importers] of Object.entries(house.importedBy)) {
    if (isIn(target, guarded) && !isIn(file, guarded) && !importers.some((place) => isIn(file, place)))
      found.push(`only ${importers.join(" and ")} may import ${guarded}: src/${file} imports it`);
  }
  return found;
}

function libraryViolations(house: House, file: string, specifier: string): string[] {
  if (specifier.startsWith("node:")) {
    return Object.entries(house.withoutNode)
      .filter(([folder, modules]) => isIn(file, folder) && modules.includes(specifier))
      .map(([folder]) => `${folder} may not import ${specifier}: src/${file} does`);
  }
  const [scope = "", name = ""] = specifier.split("/");
  const library = scope.startsWith("@") ? `${scope}/${name}` : scope;
  const homes = house.homes[library];
  if (!homes) return [`${library} has no home in the table of test/house.test.ts: src/${file} imports it`];
  if (homes.some((home) => isIn(file, home))) return [];
  return [`only ${homes.join(" and ")} may import ${library}: src/${file} imports it`];
}

/** Casts to a guarded type, in any spelling, and other names for it. */
function madeElsewhere(house: House, file: string, code: string): string[] {
  const made = (type: string): boolean =>
    [
      `\\bas\\b[^;,\\n]*?\\b${type}\\b`,
      `\\b${type}\\s+as\\s+\\w`,
      `\\btype\\s+\\w+[^;]*?=[^;]*?\\b${type}\\b`,
      `<${type}>\\s*[({]`,
    ].some((pattern) => new RegExp(pattern).test(code));
  return Object.entries(house.madeIn)
    .filter(([type, home]) => file !== home && made(type))
    .map(([type, home]) => `only src/${home} makes a value of type ${type}: src/${file} casts to it`);
}

/** The source with blanks in place of its comments, the tokens of its JavaScript, and what it imports. */
function scan(text: string): { code: string; tokens: Token[]; imports: string[] } {
  const tokens: Token[] = [];
  const comments: Comment[] = [];
  const options = {
    sourceType: "module",
    ecmaVersion: "latest",
    onToken: tokens,
    onComment: comments,
  } as const;
  const program = parse(blankSpace(text.replace(/^#!.*/, (line) => " ".repeat(line.length))), options);
  let code = text;
  for (const { start, end } of comments)
    code = code.slice(0, start) + code.slice(start, end).replaceAll(/[^\n]/g, " ") + code.slice(end);
  const imports = program.body.flatMap((statement) =>
    "source" in statement && statement.source ? [String(statement.source.value)] : [],
  );
  return { code, tokens, imports };
}

/** The modules that the source names in another way: as types, with `import()`, `createRequire` or `new URL`. */
function specifiers(code: string): string[] {
  const patterns = [
    /\b(?:import|export)\b[^"'`;()=]*?\bfrom\s*["']([^"']+)["']/g,
    /\bimport\s*["']([^"']+)["']/g,
    /\bimport\s*\(\s*["']([^"']+)["']/g,
    /\b(?:require|createRequire\([^)]*\))\s*\(\s*["']([^"']+)["']/g,
    /\bnew\s+URL\s*\(\s*["'](\.[^"']+)["']/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map(([, specifier = ""]) => specifier));
}

/** True if `process` is used as the global: not as a member of another object or the key of a property. */
function touchesProcess(tokens: readonly Token[]): boolean {
  return tokens.some((token, at) => {
    if (nameOf(token) !== "process") return false;
    const [before, after] = [tokens[at - 1]?.type.label ?? "", tokens[at + 1]?.type.label];
    const isKey = after === ":" && (before === "{" || before === ",");
    return before !== "." && before !== "?." && !isKey;
  });
}

const nameOf = (token: Token): unknown =>
  token.type.label === "name" ? (token as { value?: unknown }).value : undefined;
const names = (tokens: readonly Token[]): unknown[] => tokens.map(nameOf);

/** The longest of the paths that contain the file. */
function ruleFor(places: readonly string[], file: string): string | undefined {
  return places.filter((place) => isIn(file, place)).sort((a, b) => b.length - a.length)[0];
}

const isIn = (file: string, place: string): boolean => file === place || file.startsWith(`${place}/`);

function listed(allowed: readonly string[]): string {
  if (allowed.length === 0) return "nothing of ours";
  return allowed.length === 1
    ? `${allowed[0]} alone`
    : `${allowed.slice(0, -1).join(", ")} and ${allowed.at(-1)}`;
}
