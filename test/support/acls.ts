// ACLs of the secure Apache Kafka broker of `npm run test:kafka`.

import kafkajs from "kafkajs";
import { SCRAM_USERS } from "./apache-kafka/cluster.ts";
import { withAdmin } from "./broker.ts";
import { tlsFiles } from "./tls/files.ts";

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;

/** `host:port` of the plain listener, whose clients are super users, and of the SASL_SSL listener. */
export const plainBrokers = process.env["ONRAMP_TEST_BROKERS"]?.split(",") ?? [];
export const secureBrokers = process.env["ONRAMP_TEST_SECURE_BROKERS"]?.split(",").filter(Boolean) ?? [];

/** The `kafka` options of a user without any ACL of its own. */
export const limitedLogin = {
  tls: { ca: tlsFiles().ca },
  sasl: { mechanism: "scram-sha-512", username: "limited", password: SCRAM_USERS.limited },
};

export type Operation = "ALL" | "READ" | "WRITE" | "DESCRIBE" | "CREATE";
export type Resource = "TOPIC" | "GROUP" | "CLUSTER" | "TRANSACTIONAL_ID";

/** @param name with `*` at its end for all names that begin with it */
const aclOf = (user: string, name: string, operation: Operation, resource: Resource) => ({
  resourceType: AclResourceTypes[resource],
  resourceName: name.replace(/(?<=.)\*$/, ""),
  resourcePatternType: /.\*$/.test(name) ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
  principal: `User:${user}`,
  host: "*",
  operation: AclOperationTypes[operation],
  permissionType: AclPermissionTypes.ALLOW,
});

/** Allows an operation. */
export function allow(
  user: string,
  name: string,
  operation: Operation,
  resource: Resource = "TOPIC",
): Promise<unknown> {
  return withAdmin(plainBrokers, (admin) =>
    admin.createAcls({ acl: [aclOf(user, name, operation, resource)] }),
  );
}

/** Removes what `allow` has added. */
export function deny(
  user: string,
  name: string,
  operation: Operation,
  resource: Resource = "TOPIC",
): Promise<unknown> {
  return withAdmin(plainBrokers, (admin) =>
    admin.deleteAcls({ filters: [aclOf(user, name, operation, resource)] }),
  );
}
