// Serves `GET /topics…`: topics and partitions in the format of Confluent's REST Proxy v2, and the schemas of
// topics.

import { type Request, type Response, Router } from "express";
import { OnrampError } from "../core/errors.ts";
import type { PartitionDescription, TopicCatalog } from "../core/ports.ts";
import { type RulesByTopic, requireTopicName, reservedReason } from "../core/topics.ts";
import type { Auth } from "./auth/tokens.ts";
import { EXACT } from "./routes.ts";

export interface MetadataDeps {
  readonly catalog: TopicCatalog;
  readonly topics: RulesByTopic;
  readonly namespace: string;
  readonly auth: Auth;
}

const V2 = "application/vnd.kafka.v2+json";

/** Creates the GET routes under `/topics`. */
export function metadataRoutes({ catalog, topics, namespace, auth }: MetadataDeps): Router {
  const visible = (req: Request) => {
    const caller = auth.caller(req.headers.authorization);
    return (topic: string): boolean =>
      reservedReason(topic, namespace) === undefined && (caller.mayProduce(topic) || caller.mayRead(topic));
  };
  const topicOf = (req: Request): string => {
    const topic = String(req.params["topic"]);
    const isVisible = visible(req);
    requireTopicName(topic);
    const reserved = reservedReason(topic, namespace);
    if (!isVisible(topic))
      throw new OnrampError(
        40301,
        reserved ?? `This token may neither produce to nor read topic "${topic}".`,
      );
    return topic;
  };
  const send = (res: Response, body: unknown): void => void res.type(V2).send(JSON.stringify(body));
  return Router(EXACT)
    .get("/topics", async (req, res) => {
      const allowed = visible(req);
      send(res, (await catalog.names()).filter(allowed));
    })
    .get("/topics/:topic", async (req, res) => {
      const { name, configs, partitions } = await catalog.describe(topicOf(req));
      send(res, { name, configs, partitions: partitions.map(toV2) });
    })
    .get("/topics/:topic/partitions", async (req, res) => {
      const { partitions } = await catalog.describe(topicOf(req));
      send(res, partitions.map(toV2));
    })
    .get("/topics/:topic/schema", (req, res) => {
      const topic = topicOf(req);
      const schema = topics.get(topic)?.schema;
      if (!schema) throw new OnrampError(40403, `Topic "${topic}" has no schema; it accepts any value.`);
      res.type("application/schema+json").send(schema.json);
    });
}

function toV2({ partition, leader, replicas, isr }: PartitionDescription) {
  return {
    partition,
    leader,
    replicas: replicas.map((broker) => ({
      broker,
      leader: broker === leader,
      in_sync: isr.includes(broker),
    })),
  };
}
