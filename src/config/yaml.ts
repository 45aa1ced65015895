// Parses YAML and JSON that may be hostile: bounds the work, and reports each fault with its place. Faults do not quote the text, which
// may be secret.

import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  parseDocument,
  visit,
} from "yaml";

/** The error of a text that cannot be used. Each fault is a sentence without the name of the file. */
export class YamlFault extends Error {
  override readonly name = "YamlFault";
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join("; "));
    this.faults = faults;
  }
}

/** The maximum number of faults that are reported. */
const MAX_FAULTS = 10;
const MAX_ALIASES = 1000;
/** The maximum number of nested collections. */
const MAX_DEPTH = 100;
/** The stack of the parser has an entry for the document, one per collection, and one for the scalar in them. */
const MAX_STACK = MAX_DEPTH + 2;

/**
 * Parses a text as YAML 1.2.
 *
 * @param maxTokens the maximum number of tokens of the text, and of values after aliases are replaced. The time and the memory depend
 *   on it: 100,000 tokens take half a second, and up to two seconds if all are nested deeply
 * @throws YamlFault for a text that is not valid, or uses more than is supported
 */
export function parseYaml(text: string, maxTokens: number): Document {
  requireBounds(text, maxTokens);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // A tag such as !!binary is a fault: its value would be an object that no option has.
    resolveKnownTags: false,
    // Compares each key with all others; `faultsOfNodes` does it in linear time.
    uniqueKeys: false,
  });
  const place = (offset: number | undefined): string => {
    const { line, col } = lines.linePos(offset ?? 0);
    return `at line ${line}, column ${col}`;
  };
  const invalid = (offset: number | undefined, why: string): string =>
    `the file is not valid YAML ${place(offset)} (${why})`;
  const { yaml } = document.directives ?? {};
  const found = [
    ...[...document.errors, ...document.warnings].map(({ pos, code }) => invalid(pos[0], code)),
    ...(yaml?.explicit && yaml.version !== "1.2" ? [invalid(0, "only YAML 1.2 is supported")] : []),
  ];
  if (found.length === 0)
    for (const [node, why] of faultsOfNodes(document)) found.push(invalid(node.range?.[0], why));
  if (found.length > MAX_FAULTS)
    found.splice(MAX_FAULTS, found.length, `${found.length - MAX_FAULTS} more faults`);
  if (found.length > 0) throw new YamlFault(found);
  requireFewValues(contentOf(document), maxTokens);
  return document;
}

/** The value of a document of `parseYaml`. Its aliases were counted there. */
export const contentOf = (document: Document): unknown => document.toJS({ maxAliasCount: -1 });

/** Limits the tokens and the depth before `parseDocument` runs: lexing and parsing are linear, but composing is cubic in the depth. */
function requireBounds(text: string, maxTokens: number): void {
  const parser = new Parser();
  let count = 0;
  for (const token of new Lexer().lex(text)) {
    if (++count > maxTokens) throw new YamlFault([`the file has more than ${maxTokens} YAML tokens`]);
    for (const _ of parser.next(token));
    if (parser.stack.length > MAX_STACK) throw tooDeep();
  }
}

const tooDeep = (): YamlFault =>
  new YamlFault([`the file has values nested more than ${MAX_DEPTH} levels deep`]);

/** Finds duplicate keys, and aliases that cannot be replaced: without an anchor, or inside the value that they repeat. */
function faultsOfNodes(document: Document): [node: Node, why: string][] {
  const faults: [Node, string][] = [];
  const anchored = new Map<string, Node>();
  let aliases = 0;
  visit(document, (_, node, path) => {
    if (!isNode(node)) return undefined;
    if (isAlias(node)) {
      const target = anchored.get(node.source);
      if (target === undefined)
        faults.push([node, "an alias (*name) has no anchor; put a value that starts with * in quotes"]);
      else if ((path as readonly unknown[]).includes(target))
        faults.push([node, "an alias is inside the value that it repeats"]);
      else if (++aliases > MAX_ALIASES) {
        faults.push([node, `more than ${MAX_ALIASES} aliases`]);
        return visit.BREAK;
      }
      return undefined;
    }
    if (node.anchor !== undefined) anchored.set(node.anchor, node);
    if (!isMap(node)) return undefined;
    const keys = new Set<string>();
    for (const { key } of node.items) {
      const name = isScalar(key) ? String(key.value) : undefined;
      if (name === undefined) faults.push([isNode(key) ? key : node, "a key must be a text"]);
      else if (keys.has(name)) faults.push([key as Node, "DUPLICATE_KEY"]);
      else keys.add(name);
    }
    return undefined;
  });
  return faults;
}

/** @throws YamlFault when a value is nested too deeply, or has too many parts, counting those that aliases repeat */
function requireFewValues(value: unknown, most: number): void {
  let count = 0;
  const walk = (part: unknown, depth: number): void => {
    if (++count > most) throw new YamlFault([`the aliases of the file expand to more than ${most} values`]);
    if (typeof part !== "object" || part === null) return;
    if (depth > MAX_DEPTH) throw tooDeep();
    for (const inner of Object.values(part)) walk(inner, depth + 1);
  };
  walk(value, 1);
}
