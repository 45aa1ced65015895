// Reads array elements whose index is known to be valid.

/** @returns the element at `index`; the caller has checked that `index` is below the length */
export const elementAt = <T>(items: readonly T[], index: number): T => items[index] as T;
