// The options of the `http` section.

import {
  duration,
  either,
  file,
  list,
  literal,
  map,
  number,
  object,
  port,
  secret,
  section,
  size,
  string,
  topicPatterns,
} from "../core/options.ts";

const token = object({
  hash: string("The hash of the token (sha256:…), as `onramp token` prints it.", {
    pattern: "^sha256:[0-9a-f]{64}$",
    required: true,
  }),
  produce: topicPatterns("Topics that the token may produce to. Default: none."),
  read: topicPatterns("Topics that the token may read. Default: none."),
});

/** The options of the section `http`. */
export const http = section({
  host: string(
    "The address to listen on. Default: 0.0.0.0 (all IPv4 interfaces) with auth.tokens, otherwise 127.0.0.1.",
    {
      env: "ONRAMP_HOST",
    },
  ),
  port: port("The port of the API.", { default: 8080, env: "ONRAMP_PORT" }),
  tls: object({
    cert: file("PEM file with the certificate chain.", { required: true }),
    key: file("PEM file with the private key of the certificate.", { required: true }),
  }),
  auth: either(
    [literal("none"), object({ tokens: map(token, "Tokens by name.", { required: true }) })],
    'The clients that may use the API: those with one of the tokens, or every client ("none").',
  ),
  cors: list(
    string("An origin such as https://app.example.com.", { pattern: "^https?://[^/@\\s]+$" }),
    "Web origins that may call the API.",
    { default: [] },
  ),
  events: section(
    {
      clients: number("The maximum number of open streams of events (GET /topics/{topic}/events).", {
        type: "integer",
        minimum: 1,
        default: 10_000,
      }),
      ring: size(
        "The memory for the recent records of all topics with streams. Slower clients read older records from Kafka.",
        {
          default: "64MB",
        },
      ),
      heartbeat: duration("The interval at which a stream sends its position.", {
        default: "15s",
      }),
    },
    "Streams of events.",
  ),
  tickets: object(
    {
      secret: secret(
        "The key that signs tickets: at least 32 characters, the same on all replicas. Use ${env:NAME} or ${file:/path}.",
        { minLength: 32, required: true },
      ),
    },
    {
      description:
        "Tickets for clients that cannot send headers. Without this section, POST /tickets answers 404.",
    },
  ),
  budget: size(
    "The maximum number of bytes that are accepted and not yet acknowledged. One client may use half of it.",
    {
      default: "64MB",
    },
  ),
  maxBody: size("The largest request body.", { default: "25MB" }),
  maxRecords: number("The maximum number of records of one request. Requests of lines have no such limit.", {
    type: "integer",
    minimum: 1,
    default: 20_000,
  }),
  deadline: duration(
    "The time limit from the end of the request body to the response. The response has the outcomes that are known by then.",
    {
      default: "5s",
    },
  ),
});
