// Matches names with patterns in which * stands for any text. Takes time in proportion to the name per part of the pattern,
// because the first place of each part is final: a regular expression would try the others as well.

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
