// Recognizes failures of PostgreSQL, and says what an operator must do.

import { messageOf } from "../../../core/errors.ts";
import { SourceError } from "../../../core/source.ts";
import { cleaner } from "../../../web/excerpt.ts";
import type { Server } from "./server.ts";

/** The SQLSTATE of an error of the server; undefined for other errors. */
export function sqlState(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

export const isPermissionError = (error: unknown): boolean => sqlState(error) === "42501";
/** Whether the server does not have, or did not have at the time of a change, an object. */
export const isMissingObject = (error: unknown, name: string): boolean =>
  sqlState(error) === "42704" && messageOf(error).includes(`"${name}"`);
/** The statement waited longer than `lock_timeout`. */
export const isLockTimeout = (error: unknown): boolean => sqlState(error) === "55P03";

/** In bytes. */
const MAX_MESSAGE = 1000;

const POOLER =
  "Connect to PostgreSQL itself: a connection pooler such as PgBouncer does not support replication connections.";

/** What to do, by SQLSTATE. */
const ADVICE: Readonly<Record<string, (server: Server) => string>> = {
  "28P01": ({ user }) => `Check the password of the role "${user}" in url.`,
  "28000": ({ user, database }) =>
    `Check pg_hba.conf: the role "${user}" must be able to connect to the database "${database}" (a replication connection to a database needs no entry of its own), and sslmode in url.`,
  "3D000": ({ database }) => `Check the database in url: "${database}" does not exist.`,
  "08P01": () => POOLER,
  "42601": () => `Check snapshotWhere. If url leads to a connection pooler, connect to PostgreSQL itself.`,
  "42704": () =>
    "The slot is older than a publication, and cannot read it. Drop the slot with SELECT pg_drop_replication_slot; Onramp creates it again. If the source has a cursor, also run onramp sources set NAME --from-start.",
  "42501": ({ user }) => `Grant the role "${user}" what the message names.`,
};

/** Failures that end without an operator: the server starts or stops, or has no free connection. */
const PASSING = new Set(["57P01", "57P02", "57P03", "53300", "55P03", "55006", "40001", "40P01"]);

/** The server may repeat the password, so it is redacted. @param doing what failed, such as "read the catalog" @returns a SourceError; a SourceError or an abort unchanged */
export function failureOf(error: unknown, server: Server, doing: string): unknown {
  if (error instanceof SourceError || (error instanceof Error && error.name === "AbortError")) return error;
  const at = `PostgreSQL at ${server.host}:${server.port}`;
  const state = sqlState(error);
  const clean = cleaner(undefined, secretsOf(server));
  const message = clean(messageOf(error), MAX_MESSAGE).replace(/\.+$/, "");
  if (/row-level security/.test(message))
    return new SourceError(
      "blocked",
      `${at} cannot ${doing}: ${message}. A policy would hide rows from the snapshot. ALTER ROLE "${server.user}" BYPASSRLS, or exclude the table.`,
      { cause: error },
    );
  if (state !== undefined && !PASSING.has(state) && ADVICE[state])
    return new SourceError("blocked", `${at} cannot ${doing}: ${message}. ${ADVICE[state](server)}`, {
      cause: error,
    });
  if (/certificate|does not support SSL|self.signed/i.test(message))
    return new SourceError(
      "blocked",
      `${at} cannot be reached with TLS: ${message}. Check sslmode in url, and tls.ca.`,
      { cause: error },
    );
  const what = isOfNetwork(error) ? `The connection to ${at} failed` : `${at} cannot ${doing}`;
  return new SourceError("passing", `${what}: ${message}`, { cause: error });
}

/** A password that is the name of the role or of the database is not redacted: the names are shown. */
const secretsOf = ({ password, user, database }: Server): string[] =>
  password === undefined || [user, database].includes(password) ? [] : [password];

const isOfNetwork = (error: unknown): boolean => {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return (
    (typeof code === "string" && /^E[A-Z]+$/.test(code)) ||
    /connect|closed|terminated|ended|answered/i.test(messageOf(error))
  );
};
