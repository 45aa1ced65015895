// The differences between CI and `npm run soak`.

/** True in `npm run soak`, which runs with the counts and the bounds of the issues. */
export const soak = process.env["ONRAMP_SOAK"] === "1";

/**
 * The bound that an issue names for a time, in milliseconds. CI allows ten times as much, since other work
 * shares the machine.
 *
 * @param limit the maximum for CI, above which the assertion would be useless, such as the deadline of the
 * request
 */
export function bound(ms: number, limit = Number.POSITIVE_INFINITY): number {
  return soak ? ms : Math.min(10 * ms, limit);
}
