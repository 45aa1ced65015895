// A double of GitHub: delivers webhooks with a signature, keeps the delivery log, and redelivers.

import { createHmac, randomUUID } from "node:crypto";
import { afterTest } from "./after-test.ts";
import { type ApiReply, type ApiScript, openApi } from "./api-double.ts";

export const HOOK_SECRET = "hook secret";

/** An attempt in the delivery log. */
interface Entry {
  readonly id: string;
  readonly guid: string;
  readonly delivered_at: string;
  readonly redelivery: boolean;
  readonly status_code: number;
  readonly event: string;
}

export interface GithubDouble {
  readonly url: string;
  /** The delivery log, the oldest first. */
  readonly log: Entry[];
  /** The GUIDs that were requested again, in order. */
  readonly requested: string[];
  /** The requests to the API. */
  readonly calls: { readonly url: URL; readonly authorization: string | undefined }[];
  /** Where deliveries go to. */
  target: string;
  /** An answer of the API instead of the usual one. */
  fault: ((...call: Parameters<ApiScript>) => ApiReply | undefined) | undefined;
  /** GUIDs that no redelivery reaches. */
  readonly unreachable: Set<string>;
  /** Delivers a new event. @param lost the request does not arrive; or it arrives, and its answer is lost */
  deliver(options?: {
    readonly event?: string;
    readonly lost?: "request" | "answer";
    readonly at?: number;
    readonly status?: number;
  }): Promise<string>;
}

/** Starts a double of GitHub, with the hook 7 of the repository acme/shop; it stops after the test. */
export async function startGithub(target: string): Promise<GithubDouble> {
  // Ids beyond 2^53, as text.
  let lastId = 9_007_199_254_740_993n;
  const send = async (guid: string, event: string): Promise<number> => {
    const body = JSON.stringify({ action: "opened", guid, repository: { full_name: "acme/shop" } });
    const signature = createHmac("sha256", HOOK_SECRET).update(body).digest("hex");
    const headers = {
      "content-type": "application/json",
      "x-github-event": event,
      "x-github-delivery": guid,
      "x-hub-signature-256": `sha256=${signature}`,
    };
    const response = await fetch(double.target, { method: "POST", headers, body });
    await response.arrayBuffer();
    return response.status;
  };
  const attempt = async (
    guid: string,
    event: string,
    redelivery: boolean,
    at = Date.now(),
  ): Promise<void> => {
    const status_code = double.unreachable.has(guid) ? 502 : await send(guid, event);
    add(guid, event, redelivery, status_code, at);
  };
  const add = (guid: string, event: string, redelivery: boolean, status_code: number, at: number): void => {
    double.log.push({
      id: String(++lastId),
      guid,
      delivered_at: new Date(at).toISOString().replace(/\.\d+Z/, "Z"),
      redelivery,
      status_code,
      event,
    });
  };
  const page = (url: URL): ApiReply => {
    const from = Number(url.searchParams.get("cursor")?.slice(2) ?? double.log.length);
    const size = Number(url.searchParams.get("per_page"));
    const entries = double.log.slice(Math.max(0, from - size), from).reverse();
    const rest = entries.map(({ id, ...entry }) => `{"id":${id},${JSON.stringify(entry).slice(1)}`);
    const next = `<${url.origin}${url.pathname}?per_page=${size}&cursor=v1${from - size}>; rel="next"`;
    const headers = { "content-type": "application/json", ...(from > size ? { link: next } : {}) };
    return { headers, body: `[${rest.join(",")}]` };
  };
  const LOG = /^\/repos\/acme\/shop\/hooks\/7\/deliveries(?:\/(\d+)\/attempts)?$/;
  const answer: ApiScript = async (call, res) => {
    double.calls.push({ url: call.url, authorization: call.headers.authorization });
    const fault = double.fault?.(call, res);
    if (fault) return fault;
    const [found, id] = LOG.exec(call.url.pathname) ?? [];
    if (!found) return { status: 404, body: { message: "Not Found" } };
    if (id === undefined) return page(call.url);
    const entry = double.log.find((each) => each.id === id);
    if (!entry) return { status: 404, body: { message: "Not Found" } };
    double.requested.push(entry.guid);
    await attempt(entry.guid, entry.event, true);
    return { status: 202, headers: { "content-type": "application/json" }, body: {} };
  };
  const api = await openApi(answer);
  afterTest(api.close);
  const double: GithubDouble = {
    url: api.url,
    log: [],
    requested: [],
    calls: [],
    target,
    fault: undefined,
    unreachable: new Set(),
    async deliver({ event = "issues", lost, at = Date.now(), status = 502 } = {}) {
      const guid = randomUUID();
      if (lost === "request") add(guid, event, false, status, at);
      else if (lost === "answer") {
        await send(guid, event);
        add(guid, event, false, status, at);
      } else await attempt(guid, event, false, at);
      return guid;
    },
  };
  return double;
}
