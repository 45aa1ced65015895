// What the answers of Slack mean for a record: over HTTP, with Slack's clients.

import { strict as assert } from "node:assert";
import { DeliveryError } from "../../../src/core/sink.ts";
import { createPoster, type PosterOptions } from "../../../src/sinks/slack/poster.ts";
import { type Receiver, type Reply, startReceiver } from "../../support/receiver.ts";

const never = new AbortController().signal;

describe("sinks: the answers of Slack", () => {
  let receiver: Receiver;
  beforeEach(async () => {
    receiver = await startReceiver();
  });
  const bot = () => ({ token: "xoxb-SECRET", channel: "C1", apiUrl: `${receiver.url}/api/` });
  const incoming = () => ({ webhookUrl: `${receiver.url}/services/T0/B0/SECRET` });

  /** Posts one message. @returns the error, or undefined when the message was accepted */
  async function errorOf(
    reply: Reply,
    to: ReturnType<typeof bot | typeof incoming> = bot(),
    more: Partial<PosterOptions> = {},
  ): Promise<DeliveryError | undefined> {
    receiver.script = () => reply;
    const post = createPoster(to, { timeoutMs: 5000, onRevoked: "hold", now: Date.now, ...more });
    const thrown = await post({ text: "t" }, never).then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(thrown === undefined || thrown instanceof DeliveryError, String(thrown));
    return thrown;
  }
  const answer = (more: object): Reply => ({ status: 200, body: JSON.stringify(more) });
  const refusal = (error: string): Reply => answer({ ok: false, error });

  const ofMessage =
    "invalid_blocks invalid_blocks_format msg_too_long msg_blocks_too_long no_text too_many_attachments invalid_arguments";
  const ofOperator =
    "channel_not_found restricted_action restricted_action_read_only_channel user_is_restricted enterprise_is_restricted team_not_found accesslimited two_factor_setup_required posting_to_general_channel_denied method_not_supported_for_channel_type messages_tab_disabled external_channel_migrating team_added_to_org not_in_channel token_revoked a_code_that_is_new";
  for (const [kind, codes] of [
    ["permanent", ofMessage],
    ["blocked", ofOperator],
    ["away", "ratelimited rate_limited message_limit_exceeded service_unavailable"],
    ["answered", "internal_error fatal_error request_timeout"],
  ] as const)
    it(`is ${kind} with ${codes}`, async () => {
      for (const code of codes.split(" ")) {
        const error = await errorOf(refusal(code));
        assert.equal(error?.kind, kind, code);
        assert.match(error?.message ?? "", new RegExp(`^Slack answered ${code}`));
        assert.equal(
          /replace webhookUrl, or token and channel/.test(error?.message ?? ""),
          kind === "blocked",
        );
      }
    });

  it("is permanent with onRevoked: dead-letter in place of blocked", async () => {
    const options = { onRevoked: "dead-letter" } as const;
    for (const code of ["channel_not_found", "a_code_that_is_new"])
      assert.equal((await errorOf(refusal(code), bot(), options))?.kind, "permanent");
    for (const status of [400, 404])
      assert.equal((await errorOf({ status, body: "no_service" }, incoming(), options))?.kind, "permanent");
  });

  it("of an incoming webhook: the code in the body decides, and the status for a body without a code", async () => {
    for (const [status, body, kind] of [
      [400, "invalid_payload", "permanent"],
      [400, "too_many_attachments", "permanent"],
      [400, "user_not_found", "blocked"],
      [400, "<html>bad request</html>", "permanent"],
      [403, "posting_to_general_channel_denied", "blocked"],
      [404, "channel_not_found", "blocked"],
      [404, "<html>not found</html>", "blocked"],
      [410, "channel_is_archived", "blocked"],
      [500, "rollup_error", "answered"],
      [429, "rate_limited", "away"],
      [503, "no_service", "away"],
    ] as const)
      assert.equal((await errorOf({ status, body }, incoming()))?.kind, kind, `${status} ${body}`);
  });

  it("has its code and its details with an error status too, also if the body is long", async () => {
    const padding = { padding: "x".repeat(4000) };
    for (const [error, kind] of [
      ["token_revoked", "blocked"],
      ["invalid_blocks", "permanent"],
    ] as const)
      for (const to of [bot(), incoming()]) {
        const body = JSON.stringify({ ok: false, ...padding, error, errors: ["a reason"] });
        const thrown = await errorOf({ status: 400, body }, to);
        assert.equal(thrown?.kind, kind);
        assert.match(thrown?.message ?? "", new RegExp(`^Slack answered 400: ${error}: a reason`));
      }
  });

  it("decides, whatever Slack's client throws", async () => {
    for (const metadata of [null, "x", 5, { messages: "x" }, { messages: [null, { a: 1 }] }]) {
      const more = { response_metadata: metadata };
      const title = JSON.stringify(metadata);
      assert.equal(await errorOf(answer({ ok: true, ts: "1.1", ...more })), undefined, title);
      const revoked = await errorOf(answer({ ok: false, error: "token_revoked", ...more }));
      assert.equal(revoked?.kind, "blocked", title);
      assert.match(revoked?.message ?? "", /^Slack answered token_revoked/);
    }
    assert.equal(receiver.arrived.length, 10);
  });
});
