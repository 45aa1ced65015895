// The versions of each API that a broker offers, and the choice of one.

import { type ApiName, highestCommon } from "../../wire/codec.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { ApiVersions, InitProducerId, Metadata } from "../../wire/messages/cluster.ts";
import { Produce } from "../../wire/messages/produce.ts";
import { BrokerRefused } from "./errors.ts";

/** The APIs without which Onramp cannot produce. */
const NEEDED = [Metadata, Produce, InitProducerId];

/** An API in the response to ApiVersions. */
interface OfferedApi {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** The versions that one broker offers. */
export class OfferedVersions {
  readonly #broker: string;
  readonly #byKey = new Map<number, { min: number; max: number }>();

  /** @param broker `host:port`, for errors */
  constructor(broker: string) {
    this.#broker = broker;
  }

  /** Stores the response to ApiVersions. */
  set(apis: readonly OfferedApi[]): void {
    for (const { apiKey, minVersion, maxVersion } of apis)
      this.#byKey.set(apiKey, { min: minVersion, max: maxVersion });
  }

  /** @throws BrokerRefused when an API is missing without which Onramp cannot produce */
  checkNeeded(): void {
    for (const api of NEEDED) this.of(api);
  }

  /** Returns the version of an API to use; see `Connection.version`. @throws BrokerRefused */
  of({ key, name, versions }: ApiName, atMost?: number): number {
    if (key === ApiVersions.key) return 0;
    const [lowest, highest] = versions;
    const offered = this.#byKey.get(key);
    const version = highestCommon(versions, offered, atMost);
    if (version !== undefined) return version;
    const range = offered ? `only versions ${offered.min} to ${offered.max}` : "no version";
    const older = NEEDED.some((api) => api.key === key)
      ? "use Apache Kafka 0.11 or later"
      : "use a newer broker";
    const next =
      offered && offered.min > highest ? "update Onramp" : `${older}, or one that supports this API`;
    throw new BrokerRefused(
      `the broker ${this.#broker} offers ${range} of ${name}, but Onramp needs one of ${lowest} to ${highest}`,
      KafkaCode.UNSUPPORTED_VERSION,
      next,
    );
  }

  /** Whether the broker supports an API in a version that Onramp supports. */
  supports({ key, versions }: ApiName): boolean {
    return highestCommon(versions, this.#byKey.get(key)) !== undefined;
  }
}
