// Access to elements whose index is known to be valid.

/** The element at `index`, which the caller has checked to be below the length. */
export const elementAt = <T>(items: readonly T[], index: number): T => items[index] as T;
