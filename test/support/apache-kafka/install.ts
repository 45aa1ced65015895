// Resolves Apache Kafka's jars.

import path from "node:path";
import { installJars } from "../jars.ts";

/**
 * Returns the folder with the jars.
 *
 * @param kafkaVersion default: the version in pom.xml
 */
export const installKafka = (kafkaVersion?: string): Promise<string> =>
  installJars(
    "apache-kafka",
    path.join(import.meta.dirname, "pom.xml"),
    kafkaVersion === undefined ? {} : { "kafka.version": kafkaVersion },
  );
