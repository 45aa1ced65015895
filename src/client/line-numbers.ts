// Counts the lines of a body while it is sent, as the gateway counts them, so that each answer can be assigned to its line.

const NEWLINE = 0x0a;
/** A line of spaces, tabs and carriage returns is blank. The gateway counts it but does not answer it. */
const BLANKS: readonly number[] = [0x20, 0x09, 0x0d];

/** Successive lines that were sent and are not answered. */
interface Run {
  from: number;
  /** The last line, inclusive. */
  to: number;
  /** The number of blank lines that the client added before them: the gateway's number minus that of the input. */
  readonly added: number;
}

/** The lines that were sent and are not answered. Numbers start at 1, and are those of the input. */
export class LineNumbers {
  #runs: Run[] = [];
  /** The index of the oldest run without an answer. The runs before it are removed together. */
  #first = 0;
  #line = 1;
  #added = 0;
  /** Whether bytes of the current line were sent, and whether they are all blank. */
  #hasStarted = false;
  #isBlank = true;
  #sent = 0;
  #pending = 0;

  /** The number of lines that were sent, without blank ones and the current one. */
  get sent(): number {
    return this.#sent;
  }

  get pending(): number {
    return this.#pending;
  }

  /** The number of blank lines that are not a part of the input. */
  get added(): number {
    return this.#added;
  }

  /** Whether the bytes so far end inside a line. */
  get isInsideLine(): boolean {
    return this.#hasStarted;
  }

  /** The line that the next byte belongs to. */
  get current(): number {
    return this.#line;
  }

  /** Counts the lines of a part of the input. Called before the part is sent. */
  push(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#look(chunk, from, at);
      this.end();
      from = at + 1;
    }
    this.#look(chunk, from, chunk.length);
  }

  /** Ends the current line: at its LF, or at the end of the input. */
  end(): void {
    if (!this.#isBlank) this.#add();
    this.#line++;
    this.#hasStarted = false;
    this.#isBlank = true;
  }

  /** Counts a blank line that is sent and is not a part of the input. */
  addBlank(): void {
    this.#added++;
  }

  /** The oldest line without an answer. */
  get oldest(): { readonly line: number; readonly atGateway: number } | undefined {
    const run = this.#runs[this.#first];
    return run && { line: run.from, atGateway: run.from + run.added };
  }

  /** Removes the oldest line, because it was answered. */
  answered(): void {
    const run = this.#runs[this.#first];
    if (!run) return;
    this.#pending--;
    if (run.from++ < run.to) return;
    if (++this.#first < COMPACTED && this.#first < this.#runs.length) return;
    this.#runs = this.#runs.slice(this.#first);
    this.#first = 0;
  }

  /** The numbers of the lines without an answer, such as "lines 3-5 and 7". */
  get text(): string {
    const runs = this.#runs.slice(this.#first);
    const shown = runs.slice(0, SHOWN).map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
    if (runs.length > SHOWN) shown.push("others");
    const last = shown.pop() ?? "";
    const all = shown.length === 0 ? last : `${shown.join(", ")} and ${last}`;
    return `${this.#pending === 1 ? "line" : "lines"} ${all}`;
  }

  #look(chunk: Buffer, from: number, to: number): void {
    if (from < to) this.#hasStarted = true;
    for (let at = from; this.#isBlank && at < to; at++) this.#isBlank = BLANKS.includes(chunk[at] as number);
  }

  #add(): void {
    this.#sent++;
    this.#pending++;
    const last = this.#runs.at(-1);
    if (last?.to === this.#line - 1 && last.added === this.#added) last.to = this.#line;
    else this.#runs.push({ from: this.#line, to: this.#line, added: this.#added });
  }
}

/** The number of answered runs that are removed together. */
const COMPACTED = 1000;
/** The maximum number of runs that a message names. */
const SHOWN = 20;
