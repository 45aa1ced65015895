// The lines of one request without a network: the test acts as the client and as the log.

import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { Budget } from "../../src/core/budget.ts";
import { createIngest } from "../../src/core/ingest.ts";
import type { RulesByTopic } from "../../src/core/topics.ts";
import { createAuth } from "../../src/http/auth/tokens.ts";
import { PacedBody } from "../../src/http/body/paced-body.ts";
import { LineStream } from "../../src/http/produce/line-stream.ts";
import { recordedLog } from "./api.ts";
import { FakeRequest } from "./request.ts";

/** The bytes that a line takes from the budget in addition to its size. */
export const LINE_COST = 512;

interface Options {
  readonly onError?: "continue" | "stop";
  readonly waits?: boolean;
  readonly budget?: number;
  readonly maxBody?: number;
  readonly deadlineMs?: number;
  readonly topics?: RulesByTopic;
  readonly topic?: string;
}

/** A double of a response; with `full`, every write returns false, as with a full buffer. */
export class FakeResponse extends EventEmitter {
  readonly req = { rawHeaders: [], socket: Object.assign(new EventEmitter(), { destroyed: false }) };
  headersSent = false;
  destroyed = false;
  full = false;
  head: unknown[] = [];
  text = "";

  writeHead(...head: unknown[]): void {
    if (this.headersSent) throw new Error("the head of the response was sent already");
    this.headersSent = true;
    this.head = head;
  }
  write(text: string): boolean {
    this.text += text;
    this.emit("written");
    return !this.full;
  }
  /** The answers so far, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read members freely and assert on them
  get answers(): any[] {
    return this.text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }
}

export function startLines({
  onError = "continue",
  waits = false,
  budget = 1e9,
  maxBody = 1_000_000,
  deadlineMs = 10_000,
  topics = new Map(),
  topic = "t",
}: Options = {}) {
  const recorded = recordedLog({ waits });
  const request = new FakeRequest();
  const body = new PacedBody(request.req);
  const res = new FakeResponse();
  const meter = { countAppended: () => {}, countRefused: () => {} };
  const deps = {
    ingest: createIngest({ records: recorded.log, topics, namespace: "onramp", meter }),
    auth: createAuth(undefined),
    budget: new Budget(budget),
    maxBody,
    maxRecords: 20_000,
    deadlineMs,
    report: () => {},
    draining: new AbortController().signal,
  };
  const base = { key: null, value: null, headers: [], partition: 2, timestamp: 5 };
  const lines = { topic, base, onError, client: "c" };
  const stream = new LineStream(res as unknown as ServerResponse, lines, deps, body);
  return {
    ...recorded,
    stream,
    body,
    res,
    budget: deps.budget,
    take: (text: string) => stream.write(Buffer.from(text)),
  };
}
