// The paths of a server and their methods: answers OPTIONS, and refuses requests that no handler serves.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestHandler } from "express";
import { OnrampError } from "../core/errors.ts";

/** Methods by path. A segment such as `:topic` matches any segment; paths are case-sensitive. */
type Methods = Readonly<Record<string, readonly string[]>>;

/** Options of Express routers with which paths match as in a `RouteTable`. */
export const EXACT = { caseSensitive: true, strict: true };

/** All routes of a server, including the ones that Express does not serve. */
export class RouteTable {
  readonly #routes: readonly { readonly pattern: RegExp; readonly allow: string }[];
  readonly #all: string;
  readonly #hint: string;

  /** @param hint where to find the routes, for the error of an unknown path */
  constructor(routes: Methods, hint: string) {
    this.#hint = hint;
    this.#routes = Object.entries(routes).map(([path, methods]) => ({
      pattern: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/:\w+/g, "[^/]+")}$`),
      allow: allowOf(methods),
    }));
    this.#all = allowOf(Object.values(routes).flat());
  }

  /** Express middleware that answers OPTIONS of the paths in the table, and of the server (`*`). */
  readonly answerOptions: RequestHandler = (req, res, next) => {
    const allow = req.method === "OPTIONS" ? this.#allowOf(req) : undefined;
    if (allow === undefined) next();
    else res.writeHead(204, { allow }).end();
  };

  /** Express middleware that refuses every request. */
  readonly refuse: RequestHandler = (req, res) => {
    throw this.refusal(req, res);
  };

  /** @returns 40501 when the path has other methods, otherwise 40403; sets the header `Allow` for 40501 */
  refusal(req: IncomingMessage, res: ServerResponse): OnrampError {
    const path = pathOf(req).slice(0, 200);
    const allow = this.#allowOf(req);
    if (allow === undefined)
      return new OnrampError(40403, `The route ${req.method} ${path} does not exist; ${this.#hint}.`);
    res.setHeader("allow", allow);
    return new OnrampError(
      40501,
      `The method ${req.method} is not allowed for ${path}; use one of: ${allow}.`,
    );
  }

  #allowOf(req: IncomingMessage): string | undefined {
    const path = pathOf(req);
    return path === "*" ? this.#all : this.#routes.find(({ pattern }) => pattern.test(path))?.allow;
  }
}

const pathOf = ({ url = "" }: IncomingMessage): string => url.split("?", 1)[0] as string;

/** Every path has OPTIONS, and HEAD if it has GET. */
const allowOf = (methods: readonly string[]): string =>
  [
    ...new Set([...methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])), "OPTIONS"]),
  ].join(", ");

/** The routes of the API. */
export const apiRoutes = new RouteTable(
  {
    "/topics": ["GET"],
    "/topics/:topic": ["GET", "POST"],
    "/topics/:topic/batch": ["POST"],
    "/topics/:topic/events": ["GET"],
    "/topics/:topic/lines": ["POST"],
    "/topics/:topic/partitions": ["GET"],
    "/topics/:topic/partitions/:partition": ["POST"],
    "/topics/:topic/schema": ["GET"],
    "/tickets": ["POST"],
    "/webhooks/:name": ["POST"],
    "/openapi.yaml": ["GET"],
    "/openapi-compat.yaml": ["GET"],
  },
  "GET /openapi.yaml lists the routes",
);
