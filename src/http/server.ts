// The API's server: produce requests straight to their handler, everything else through Express.

import { readFileSync } from "node:fs";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type net from "node:net";
import express from "express";
import { type ErrorCode, OnrampError } from "../core/errors.ts";
import { type MetadataDeps, metadataRoutes } from "./metadata.ts";
import { checkOrigin, type OriginRule } from "./origin.ts";
import { problemBody, problemErrors, sendProblem } from "./problem.ts";
import { handleProduce, isProduce, type ProduceDeps } from "./produce.ts";
import { type WebhookDeps, webhookRoutes } from "./webhooks.ts";

export interface ApiDeps extends ProduceDeps, WebhookDeps, MetadataDeps {
  readonly origins: OriginRule;
  /** The contract, as it is served. */
  readonly openapi: Buffer;
  /** True from SIGTERM on: clients are asked to come back on another connection. */
  readonly draining: () => boolean;
}

/** What a listener for the API does with a request. */
export function apiListener(deps: ApiDeps): http.RequestListener {
  const app = apiApp(deps);
  return (req, res) => {
    if (deps.draining()) res.setHeader("connection", "close");
    try {
      if (req.headers.origin !== undefined && checkOrigin(req, res, deps.origins)) return;
    } catch (error) {
      return sendProblem(req, res, error);
    }
    if (isProduce(req)) void handleProduce(req, res, deps);
    else app(req, res);
  };
}

/** The Express application: all routes but the hot one. */
function apiApp(deps: ApiDeps): express.Express {
  const app = express().disable("x-powered-by").disable("etag").set("query parser", "simple");
  app.get("/openapi.yaml", (_req, res) => void res.type("application/yaml").send(deps.openapi));
  app.use(webhookRoutes(deps));
  app.use(metadataRoutes(deps));
  app.use((req) => {
    throw new OnrampError(
      40403,
      `There is no ${req.method} ${req.path.slice(0, 200)} here; GET /openapi.yaml lists the routes.`,
    );
  });
  app.use(problemErrors);
  return app;
}

/** Slower clients than this are answered 408: headers, and the whole request, in milliseconds. */
const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 60_000;
/** Longer than load balancers keep idle connections (60 s is usual), so that it is they who close. */
const KEEP_ALIVE_MS = 75_000;

/** @param tls paths of PEM files; undefined: plain HTTP */
export function createServer(
  listener: http.RequestListener,
  tls?: { readonly cert: string; readonly key: string },
): http.Server {
  const options = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  const server = tls
    ? https.createServer({ ...options, cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, listener)
    : http.createServer(options, listener);
  server.on("checkContinue", (req: IncomingMessage, res: ServerResponse) => listener(req, res as never));
  server.on("clientError", answerBrokenRequest);
  return server;
}

/** Requests that Node's own parser refuses get a problem too. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: net.Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const code: ErrorCode =
    error.code === "HPE_HEADER_OVERFLOW" ? 43101 : error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 40801 : 40001;
  const problem = new OnrampError(
    code,
    code === 40001
      ? "This is not a valid HTTP/1.1 request."
      : code === 43101
        ? "The request's headers are larger than 16 KiB."
        : "The request did not arrive in time.",
  );
  const body = JSON.stringify(problemBody(problem));
  socket.end(
    `HTTP/1.1 ${problem.status} ${http.STATUS_CODES[problem.status]}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** Listens; resolves with the port. @throws the listener's error, as EADDRINUSE */
export function listen(server: http.Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve((server.address() as net.AddressInfo).port);
    });
  });
}

/** Stops accepting, and resolves when every request in hand has been answered. */
export function close(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
