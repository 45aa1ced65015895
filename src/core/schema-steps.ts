// Bounds the work of validators that ajv generated: a schema that refers to itself in several branches takes exponential time
// on a deep value, and ajv copies all earlier errors for each new one.

/** A step is one call of a function that ajv generated: for the document, or for a schema that a reference names. */
export class Steps {
  #left = 0;

  /** Allows this number of steps from now on. */
  begin(steps: number): void {
    this.#left = steps;
  }

  /** Called by each generated function. @throws TooManySteps */
  spend(): void {
    if (--this.#left < 0) throw new TooManySteps();
  }
}

/** The steps that `begin` allowed are used up. */
export class TooManySteps extends Error {
  override readonly name = "TooManySteps";
}

const START = /\blet vErrors = null;/g;
const COPY = /\bvErrors = vErrors === null \? (\S+) : vErrors\.concat\(\1\);/g;

/**
 * Changes code that ajv generated: each function spends a step of its context, and errors are added to the list instead of
 * to a copy of it. The check of the schema itself has no steps.
 */
export const boundWork = (code: string): string =>
  code
    .replaceAll(START, "$& this?.spend?.();")
    .replaceAll(
      COPY,
      "{ if (vErrors === null) vErrors = $1; else for (const error of $1) vErrors.push(error); }",
    );
