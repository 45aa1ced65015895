// Splits a script of SQL into statements, as psql does.

/** A quoted text, an identifier, a dollar-quoted text, a comment, the end of a statement, or any other character. */
const PART =
  /[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$\w*\$)[\s\S]*?\1|--[^\n]*|\/\*[\s\S]*?\*\/|;|[\s\S]/g;

export function statementsOf(script: string): string[] {
  const statements: string[] = [];
  let current = "";
  for (const [part] of script.matchAll(PART)) {
    if (part !== ";") {
      current += part.startsWith("--") || part.startsWith("/*") ? " " : part;
      continue;
    }
    if (current.trim()) statements.push(current.trim());
    current = "";
  }
  if (current.trim()) statements.push(current.trim());
  return statements;
}
