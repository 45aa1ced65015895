// The option `recover` of the webhook kind `github`.

import { duration, list, number, object, secret, string, token, url } from "../../core/options.ts";

export const recoverOptions = object(
  {
    token: token(
      "A token that can read and redeliver the deliveries of the hook. Either token or app is required.",
    ),
    app: object(
      {
        id: string("The id or the client id of the app.", { required: true }),
        privateKey: secret("The private key of the app, as PEM. Use ${file:/path}.", { required: true }),
        installation: number(
          "The id of the installation. Required for the hook of a repository or an organization.",
          {
            type: "integer",
          },
        ),
      },
      { description: "A GitHub app to authenticate as. Either token or app is required." },
    ),
    repository: string("The repository of the hook, as owner/name.", { pattern: "^[^/]+/[^/]+$" }),
    organization: string(
      "The organization of the hook. If neither repository nor organization is set, the hook of the app is used.",
    ),
    hook: number(
      "The id of the hook, which is the last part of the URL of its settings. Required with repository or organization.",
      {
        type: "integer",
        minimum: 1,
      },
    ),
    events: list(string("An event type."), "The event types that are recovered. Default: all except ping."),
    window: duration(
      "How far back the delivery log is read. GitHub keeps deliveries for three days, GitHub Enterprise Server for seven.",
      { default: "3d" },
    ),
    interval: duration("The time from the start of one check to the start of the next.", { default: "5m" }),
    apiUrl: url("The URL of the API. For GitHub Enterprise Server: https://HOST/api/v3.", {
      default: "https://api.github.com",
    }),
  },
  {
    description:
      "Asks GitHub to send failed deliveries again; GitHub does not do this itself. Runs as source webhook:<name>, on one replica.",
  },
);
