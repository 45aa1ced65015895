// Positions in PostgreSQL's write-ahead log (LSN), which the server writes as two hexadecimal numbers: 16/B374D848.

/** @throws Error for a text that is not an LSN */
export function parseLsn(text: string): bigint {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text) ?? [];
  if (high === undefined || low === undefined) throw new Error(`not an LSN: ${text.slice(0, 40)}`);
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

export const formatLsn = (lsn: bigint): string =>
  `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase();

export const isLsn = (text: unknown): text is string =>
  typeof text === "string" && /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i.test(text);

export const maxLsn = (a: bigint, b: bigint): bigint => (a > b ? a : b);
