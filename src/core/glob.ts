// Matches names with patterns in which * stands for any text. For each part of the pattern, the time is in
// proportion to the name, because only the first place of the part is tried; a regular expression would try all of them.

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
