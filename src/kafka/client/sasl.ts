// Authenticates connections with SASL (KIP-43, KIP-152): PLAIN (RFC 4616), SCRAM (RFC 5802, RFC
// 7677) and OAUTHBEARER (RFC 7628). Errors contain no secrets.

import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { cleaner } from "../../web/excerpt.ts";
import type { Api, ApiName } from "../../wire/codec.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { SaslAuthenticate, SaslHandshake } from "../../wire/messages/cluster.ts";
import { BrokerRefused, shortened } from "./errors.ts";

const derive = promisify(pbkdf2);

/**
 * The iterations of SCRAM that Onramp accepts. With fewer than Kafka's minimum, another server could guess the password from the
 * proof; more would occupy the processor for seconds.
 */
const [MIN_ITERATIONS, MAX_ITERATIONS] = [4096, 1_000_000];
/** The first message of the server (RFC 5802, section 7); it may have extensions. */
const SERVER_FIRST = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9]\d*)(?:,.*)?$/s;

export type SaslOptions =
  | {
      readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
      readonly username: string;
      readonly password: string;
    }
  | {
      readonly mechanism: "oauthbearer";
      readonly token: () => Promise<string>;
      /** Called with a token that a broker refused, so that `token` may return another one. */
      readonly onRefused?: (token: string) => void;
    };

/** Sends a message of the mechanism and returns the broker's. @throws BrokerRefused, BrokerGone */
type Exchange = (message: Buffer) => Promise<Buffer>;

/** The part of `Connection` that authentication needs. */
export interface SaslConnection {
  /** `host:port` of the broker, for errors. */
  readonly address: string;
  /** @throws BrokerRefused when the broker has no version that Onramp supports */
  version(api: ApiName): number;
  request<Q, R>(api: Api<Q, R>, version: number, body: Q, timeoutMs: number): Promise<R>;
}

/**
 * Authenticates a connection.
 *
 * @param timeoutMs the time in which the broker must answer each request, in milliseconds
 * @returns the lifetime of the session in milliseconds; 0 for no limit
 * @throws BrokerRefused when the broker rejects the mechanism or the credentials, or fails to authenticate itself
 * (SCRAM); BrokerGone; the error of `token`
 */
export async function authenticate(
  connection: SaslConnection,
  options: SaslOptions,
  timeoutMs: number,
): Promise<number> {
  const mechanism = options.mechanism.toUpperCase();
  const handshake = await connection.request(
    SaslHandshake,
    connection.version(SaslHandshake),
    { mechanism },
    timeoutMs,
  );
  if (handshake.errorCode !== 0) {
    throw new BrokerRefused(
      `the broker ${connection.address} does not offer ${mechanism}; it offers ${shortened(handshake.mechanisms.join(", ")) || "no SASL mechanism"}`,
      handshake.errorCode,
    );
  }
  const version = connection.version(SaslAuthenticate);
  let lifetime = 0;
  /** A broker may repeat what was sent to it. */
  const secrets: string[] = [];
  const exchange: Exchange = async (message) => {
    const answer = await connection.request(SaslAuthenticate, version, { authBytes: message }, timeoutMs);
    if (answer.errorCode !== 0)
      throw new BrokerRefused(
        `authenticating with ${mechanism} at ${connection.address}`,
        answer.errorCode,
        answer.errorMessage && cleaner(undefined, secrets)(answer.errorMessage),
      );
    lifetime = answer.sessionLifetimeMs;
    return answer.authBytes;
  };
  switch (options.mechanism) {
    case "plain": {
      const sent = Buffer.from(`\0${options.username}\0${options.password}`);
      secrets.push(options.password, sent.toString("base64"));
      await exchange(sent);
      break;
    }
    case "oauthbearer": {
      const token = await options.token();
      secrets.push(token);
      await oauthBearer(exchange, token, connection.address).catch((error: unknown) => {
        if (error instanceof BrokerRefused) options.onRefused?.(token);
        throw error;
      });
      break;
    }
    default:
      await scram(exchange, options.mechanism === "scram-sha-256" ? "sha256" : "sha512", options);
  }
  return lifetime;
}

/** RFC 7628, section 3.2.3: a refusal arrives as a challenge, which the client must answer before the broker fails. */
async function oauthBearer(exchange: Exchange, token: string, address: string): Promise<void> {
  const challenge = await exchange(Buffer.from(`n,,\x01auth=Bearer ${token}\x01\x01`));
  if (challenge.length === 0) return;
  await exchange(Buffer.from("\x01")).catch((error: unknown) => {
    if (!(error instanceof BrokerRefused)) throw error;
  });
  throw new BrokerRefused(
    `the broker ${address} refused the token (OAUTHBEARER), ${statusIn(challenge, token)}`,
    KafkaCode.SASL_AUTHENTICATION_FAILED,
  );
}

/** The status in a challenge of OAUTHBEARER, which is JSON such as `{"status":"invalid_token","scope":"kafka"}`. */
function statusIn(challenge: Buffer, token: string): string {
  const clean = cleaner(undefined, [token]);
  try {
    const { status, scope } = JSON.parse(challenge.toString("utf8")) as Record<string, unknown>;
    const part = (value: unknown): string => clean(printable(String(value)));
    return `status ${part(status)}${scope === undefined ? "" : `, scope ${part(scope)}`}`;
  } catch {
    return `with an answer that is not JSON: ${clean(printable(challenge.toString("latin1")))}`;
  }
}

const printable = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, "?");

async function scram(
  exchange: Exchange,
  hash: "sha256" | "sha512",
  { username, password }: { username: string; password: string },
): Promise<void> {
  const nonce = randomBytes(24).toString("base64");
  const first = `n=${username.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${nonce}`;
  const serverFirst = (await exchange(Buffer.from(`n,,${first}`))).toString();
  const [, serverNonce = "", salt = "", stated] = SERVER_FIRST.exec(serverFirst) ?? [];
  if (stated === undefined) throw refused("the first SCRAM message of the broker is malformed");
  if (!serverNonce.startsWith(nonce) || serverNonce.length === nonce.length)
    throw refused(
      "the SCRAM nonce of the broker does not start with the nonce of the client, or adds nothing to it",
    );
  const iterations = Number(stated);
  if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS)
    throw refused(
      `the broker asks for ${shortened(stated)} SCRAM iterations; Onramp accepts ${MIN_ITERATIONS} to ${MAX_ITERATIONS}. Set the user's password again with iterations in this range (kafka-configs)`,
    );
  const size = hash === "sha256" ? 32 : 64;
  const saltedPassword = await derive(password, Buffer.from(salt, "base64"), iterations, size, hash);
  const mac = (key: Buffer, text: string): Buffer => createHmac(hash, key).update(text).digest();
  const clientKey = mac(saltedPassword, "Client Key");
  const final = `c=biws,r=${serverNonce}`;
  const message = `${first},${serverFirst},${final}`;
  const signature = mac(createHash(hash).update(clientKey).digest(), message);
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))).toString("base64");
  const serverFinal = (await exchange(Buffer.from(`${final},p=${proof}`))).toString();
  const [, verifier = ""] = /^v=([A-Za-z0-9+/]+={0,2})(?:,.*)?$/s.exec(serverFinal) ?? [];
  const expected = mac(mac(saltedPassword, "Server Key"), message);
  const received = Buffer.from(verifier, "base64");
  // Without this check, another server could impersonate the broker.
  if (received.length !== expected.length || !timingSafeEqual(received, expected)) {
    throw refused("the SCRAM signature of the broker is wrong: it did not prove that it knows the password");
  }
}

const refused = (reason: string): BrokerRefused =>
  new BrokerRefused(reason, KafkaCode.SASL_AUTHENTICATION_FAILED);
