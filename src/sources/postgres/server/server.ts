// The address of a PostgreSQL server, from a URL as libpq reads it:
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS

import type { ConnectionOptions } from "node:tls";
import type { TlsFiles } from "../../../core/tls-files.ts";

const MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;
type Mode = (typeof MODES)[number];

export interface Server {
  /** A host name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  /** The ways to connect, in the order in which they are tried: with these TLS options, or without TLS. */
  readonly tls: readonly (ConnectionOptions | false)[];
}

/** The parameters of the URL that are understood. Others would be ignored without notice. */
const PARAMETERS = new Set(["host", "port", "user", "password", "dbname", "sslmode"]);

/** Stands for a host that is missing; a name that no host has (RFC 2606). */
const NO_HOST = "none.invalid";

/** @throws Error that names the mistake, without the password */
export function parseServer(url: string, files: TlsFiles): Server {
  if (!/^postgres(ql)?:\/\//.test(url))
    throw new Error("url: it must begin with postgres:// or postgresql://");
  let parsed: URL;
  try {
    // libpq allows a user without a host, which the URL class does not.
    parsed = new URL(url.replace(/^(\w+:\/\/[^/?#]*@)(?=[/?]|$)/, `$1${NO_HOST}`));
  } catch {
    throw new Error(
      "url: it is not a valid URL; encode special characters of the user and the password, such as @ as %40",
    );
  }
  const given = parsed.searchParams;
  // Not named: a part of a password that is not encoded looks like a parameter.
  if ([...given.keys()].some((name) => !PARAMETERS.has(name)))
    throw new Error(
      `url: it has a parameter that is not supported (supported: ${[...PARAMETERS].join(", ")}). For certificates, use the option tls. If it is a part of the password, encode ? as %3F and & as %26`,
    );
  const named = parsed.hostname === NO_HOST ? "" : decode(parsed.hostname).replace(/^\[|\]$/g, "");
  const host = given.get("host") ?? named;
  if (host.includes(",")) throw new Error("url: several hosts are not supported; name the primary server");
  const user = given.get("user") ?? decode(parsed.username);
  const database = given.get("dbname") ?? decode(parsed.pathname.slice(1));
  if (!host) throw new Error("url: the host is missing");
  if (!user) throw new Error("url: the user is missing");
  const password = given.get("password") ?? decode(parsed.password);
  return {
    host,
    port: Number(given.get("port") ?? (parsed.port || 5432)),
    database: database || user,
    user,
    password: password === "" ? undefined : password,
    tls: host.startsWith("/") ? [false] : waysOf(given.get("sslmode") ?? "prefer", files),
  };
}

/** https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION */
function waysOf(mode: string, files: TlsFiles): readonly (ConnectionOptions | false)[] {
  if (!MODES.includes(mode as Mode)) throw new Error(`url: sslmode must be one of ${MODES.join(", ")}`);
  // libpq: with a CA file, `require` checks the certificate as `verify-ca` does.
  const isChecked = mode.startsWith("verify") || (mode === "require" && files.ca !== undefined);
  const tls: ConnectionOptions = {
    ...files,
    rejectUnauthorized: isChecked,
    ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
  };
  if (mode === "disable") return [false];
  if (mode === "allow") return [false, tls];
  if (mode === "prefer") return [tls, false];
  return [tls];
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error("url: a % is not followed by two hexadecimal digits; encode it as %25");
  }
}
