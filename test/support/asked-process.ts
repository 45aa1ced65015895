// A helper process that answers messages, so that its work does not disturb what this process measures.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

/** A file of this folder, in a process of its own. */
export class AskedProcess<Question extends object, Answer> {
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (answer: Answer) => void>();
  readonly #gone: Promise<unknown>;
  #next = 0;

  /** @param file calls `answerWith` */
  constructor(file: string, args: readonly string[] = []) {
    this.#child = fork(path.join(import.meta.dirname, file), args, {
      execArgv: ["--import", "ts-blank-space/register"],
    });
    this.#gone = once(this.#child, "exit");
    this.#child.on("message", ({ id, answer }: { id: number; answer: Answer }) => {
      this.#answers.get(id)?.(answer);
      this.#answers.delete(id);
    });
  }

  /** @throws when the process ends before it has answered */
  ask(question: Question): Promise<Answer> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#answers.set(id, resolve);
      this.#gone.then(() => reject(new Error("the process has ended")), reject);
      this.#child.send({ id, question });
    });
  }

  /** Ends the process, and with it all its connections. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
    await this.#gone;
  }
}

/** Called by the file of an `AskedProcess`: answers its questions, until the process that asks has ended. */
export function answerWith<Question, Answer>(answer: (question: Question) => Answer | Promise<Answer>): void {
  process.once("disconnect", () => process.exit(0));
  process.on("message", async ({ id, question }: { id: number; question: Question }) => {
    process.send?.({ id, answer: await answer(question) });
  });
}
