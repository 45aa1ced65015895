// Serves `POST /topics/{topic}`, and `batch`, `lines` and `partitions/{partition}` below it: the hot path, without Express.

import type { IncomingMessage, ServerResponse } from "node:http";
import { OnrampError } from "../../core/errors.ts";
import { requireTopicName } from "../../core/topics.ts";
import { readBody } from "../body/body.ts";
import { addressOf } from "../client-address.ts";
import { decodePercent } from "../percent.ts";
import { sendProblem } from "../problem.ts";
import { apiRoutes } from "../routes.ts";
import { baseDraft } from "./formats/raw.ts";
import { type BodyShape, formatOf, ndjson } from "./formats/register.ts";
import { checkPartition, parameterOf } from "./formats/values.ts";
import { produceLines } from "./lines.ts";
import type { ProduceDeps } from "./produce-deps.ts";

const PREFIX = "/topics/";

/** Whether `handleProduce` must answer the request. */
export function isProduce(req: IncomingMessage): boolean {
  return req.method === "POST" && (req.url?.startsWith(PREFIX) ?? false);
}

/** Answers a produce request. Does not throw. */
export async function handleProduce(
  req: IncomingMessage,
  res: ServerResponse,
  deps: ProduceDeps,
): Promise<void> {
  try {
    await produce(req, res, deps);
  } catch (error) {
    sendProblem(req, res, error, deps.report);
  }
}

async function produce(req: IncomingMessage, res: ServerResponse, deps: ProduceDeps): Promise<void> {
  const target = parseTarget(req.url ?? "");
  if (!target) throw apiRoutes.refusal(req, res);
  const { topic, partition, shape } = target;
  const caller = deps.auth.caller(req.headers.authorization);
  requireTopicName(topic);
  if (!caller.mayProduce(topic))
    throw new OnrampError(
      40301,
      `The token "${caller.name}" may not produce to topic "${topic}"; the operator can add it to the token's "produce" list.`,
    );
  for (const name in req.headers) {
    if (name.startsWith("ce-"))
      throw new OnrampError(
        41501,
        "CloudEvents (ce-* headers) are not supported; send a raw record, with Kafka-Header-ce_… headers if you need the attributes.",
      );
  }
  const format = formatOf(req.headers["content-type"], shape);
  const client = caller.name ?? addressOf(req.socket);
  const [onError, query] = onErrorIn(target.query);
  if (format === ndjson) {
    const base = baseDraft({ partition, query, rawHeaders: req.rawHeaders });
    return produceLines(req, res, { topic, base, onError, client }, deps);
  }
  const body = await readBody(req, res, client, deps);
  // The deadline limits the append, not the upload: a slow client must not use up the time for Kafka.
  const deadline = Date.now() + deps.deadlineMs;
  try {
    const { bytes, charge } = body;
    const { rawHeaders } = req;
    const read = format.drafts({
      body: bytes,
      partition,
      query,
      rawHeaders,
      maxRecords: deps.maxRecords,
      charge,
    });
    // Awaited only if the body is read in steps: each await on the hot path has a measurable cost.
    const drafts = read instanceof Promise ? await read : read;
    const receipts = await deps.ingest.accept(topic, drafts, { deadline });
    format.answer(res, topic, receipts);
  } finally {
    body.release();
  }
}

/** The name as it is, or percent-encoded. */
const MAY_HAVE_ON_ERROR = /onError|%/;

/**
 * Takes `?onError=` out of a query. Every format accepts it, because clients that are generated from one operation for all
 * formats send it with any body; it affects lines only.
 *
 * @returns its value (default: `continue`) and the rest of the query
 * @throws OnrampError 40001 for any other value, or if it is given twice
 */
function onErrorIn(query: string): ["continue" | "stop", string] {
  if (!MAY_HAVE_ON_ERROR.test(query)) return ["continue", query];
  const pairs = query.split("&").filter((pair) => pair !== "");
  const isOnError = (pair: string): boolean => parameterOf(pair)[0] === "onError";
  const [given, ...others] = pairs.filter(isOnError);
  const value = given === undefined ? "continue" : parameterOf(given)[1];
  if (others.length > 0) throw new OnrampError(40001, 'The query parameter "onError" is given twice.');
  if (value !== "continue" && value !== "stop")
    throw new OnrampError(40001, "onError must be `continue` (the default) or `stop`.");
  return [value, pairs.filter((pair) => !isOnError(pair)).join("&")];
}

interface Target {
  readonly topic: string;
  readonly partition: number | undefined;
  readonly shape: BodyShape;
  readonly query: string;
}

/** @returns undefined when the path is not one of a produce request @throws OnrampError 40401, 40402 */
function parseTarget(url: string): Target | undefined {
  const mark = url.indexOf("?");
  const [path, query] = mark < 0 ? [url, ""] : [url.slice(0, mark), url.slice(mark + 1)];
  const [name = "", sub, partition, ...rest] = path.slice(PREFIX.length).split("/");
  if (name === "" || rest.length > 0 || (sub === "partitions") !== (partition !== undefined))
    return undefined;
  if (sub !== undefined && sub !== "partitions" && sub !== "batch" && sub !== "lines") return undefined;
  return {
    topic: name.includes("%") ? decodePercent(name, "path") : name,
    partition:
      partition === undefined ? undefined : checkPartition(/^\d+$/.test(partition) ? Number(partition) : -1),
    shape: sub === "batch" || sub === "lines" ? sub : "any",
    query,
  };
}
