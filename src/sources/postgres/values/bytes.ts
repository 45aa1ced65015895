// Bytes and bits, which JSON has as base64.

/** JSON of a `bytea`, from PostgreSQL's hex format. */
export const byteaJson = (text: string): string =>
  `"${Buffer.from(text.slice(2), "hex").toString("base64")}"`;

/** JSON of a `bit` or `varbit`: the bits as a binary number, in bytes from the lowest, without zero bytes at the end. */
export function bitsJson(text: string): string {
  const highest = text.indexOf("1");
  if (highest < 0) return '""';
  const bytes = Buffer.alloc(Math.ceil((text.length - highest) / 8));
  for (let at = 0; at < bytes.length; at++) {
    const end = text.length - at * 8;
    bytes[at] = Number.parseInt(text.slice(Math.max(0, end - 8), end), 2);
  }
  return `"${bytes.toString("base64")}"`;
}
