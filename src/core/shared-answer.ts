// Shares one result among callers that ask within a short time.

/** Caches the result of a function, which is called at most once per interval. */
export class SharedAnswer<T> {
  readonly #request: () => Promise<T>;
  readonly #forMs: number;
  #answer: Promise<T> | undefined;
  #isPending = false;
  #requestedAt = 0;

  /** @param forMs how long after its request an answer is used, in milliseconds. A slower request is shared until it ends */
  constructor(request: () => Promise<T>, forMs: number) {
    this.#request = request;
    this.#forMs = forMs;
  }

  /** @throws the error of the call; callers share errors as well as results */
  get(): Promise<T> {
    const now = performance.now();
    if (this.#answer && (this.#isPending || now - this.#requestedAt < this.#forMs)) return this.#answer;
    [this.#isPending, this.#requestedAt] = [true, now];
    this.#answer = this.#request().finally(() => {
      this.#isPending = false;
    });
    return this.#answer;
  }
}
