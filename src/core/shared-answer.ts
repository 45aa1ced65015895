// Shares one answer among the callers of a short time.

/** The answer of a function, requested at most once per interval. */
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

  /** @throws the error of the request; a failure is shared as an answer is */
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
