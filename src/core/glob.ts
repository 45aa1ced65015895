// Matches names against patterns in which * matches any text. Each part of a pattern is searched for once, without backtracking, so
// the time is linear in the length of the name for each part.

/**
 * Compiles a pattern.
 *
 * @param pattern a name in which each * matches any characters, or none
 * @returns whether the whole of a name matches
 */
export function compileGlob(pattern: string): (name: string) => boolean {
  const parts = pattern.split("*");
  if (parts.length === 1) return (name) => name === pattern;
  const first = parts[0] as string;
  const last = parts.at(-1) as string;
  const middle = parts.slice(1, -1).filter((part) => part !== "");
  return (name) => {
    const end = name.length - last.length;
    if (end < first.length || !name.startsWith(first) || !name.endsWith(last)) return false;
    let from = first.length;
    for (const part of middle) {
      const at = name.indexOf(part, from);
      if (at < 0) return false;
      from = at + part.length;
      if (from > end) return false;
    }
    return true;
  };
}
