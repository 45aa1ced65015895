/** The error for an expression that does not compile, or whose evaluation fails. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
}

/** An error with one of JSONata's codes. The caller adds the position. */
export const jsonataError = (code: string): Error => Object.assign(new Error(code), { code });
