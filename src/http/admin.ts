// Serves health, metrics and the state of sinks and sources on a separate port. Requests need no token, because
// the responses contain no secrets.

import type { RequestListener } from "node:http";
import express from "express";
import type { Readiness } from "../core/ports.ts";
import { prepareHead } from "./head.ts";
import { requireLoopbackHost } from "./origin.ts";
import { problemErrors, sendProblem } from "./problem.ts";
import { RouteTable } from "./routes.ts";

export interface AdminDeps {
  /** The state of each part that is needed to produce records. */
  readonly readiness: () => Readonly<Record<string, Readiness>>;
  readonly scrape: () => Promise<{ contentType: string; body: string }>;
  /** The state of every sink. */
  readonly sinks: () => readonly object[];
  /** The state of every source. */
  readonly sources: () => readonly object[];
  /** Whether only loopback names are accepted as `Host`: true on a loopback address. */
  readonly loopbackOnly: boolean;
}

/** Creates the listener for `/healthz`, `/readyz`, `/metrics`, `/sinks` and `/sources`. */
export function adminApp({ readiness, scrape, sinks, sources, loopbackOnly }: AdminDeps): RequestListener {
  const app = express().disable("x-powered-by").disable("etag");
  app.enable("case sensitive routing").enable("strict routing").use(adminRoutes.answerOptions);
  app.get("/healthz", (_req, res) => void res.json({ status: "ok" }));
  app.get("/readyz", (_req, res) => {
    const parts = readiness();
    const ready = Object.values(parts).every((part) => part.ready);
    res.status(ready ? 200 : 503).json({ status: ready ? "ready" : "not ready", parts });
  });
  app.get("/metrics", async (_req, res) => {
    const { contentType, body } = await scrape();
    res.set("content-type", contentType).send(body);
  });
  app.get("/sinks", (_req, res) => void res.json(sinks()));
  app.get("/sources", (_req, res) => void res.json(sources()));
  app.use(adminRoutes.refuse, problemErrors());
  return (req, res) => {
    try {
      prepareHead(req);
      if (loopbackOnly) requireLoopbackHost(req, FOREIGN_HOST);
      app(req, res);
    } catch (error) {
      sendProblem(req, res, error);
    }
  };
}

const FOREIGN_HOST =
  "On a loopback address, the admin port accepts only loopback names such as localhost as Host. Use one of them, or set admin.host to the address that the monitoring system connects to.";

const adminRoutes = new RouteTable(
  {
    "/healthz": ["GET"],
    "/readyz": ["GET"],
    "/metrics": ["GET"],
    "/sinks": ["GET"],
    "/sources": ["GET"],
  },
  "the admin port serves /healthz, /readyz, /metrics, /sinks and /sources only",
);
