// The register of sink kinds. A new kind needs one file, and one line here.

import type { SinkKind } from "../core/sink.ts";
import { slack } from "./slack/slack.ts";
import { webhook } from "./webhook.ts";

export const sinkKinds: readonly SinkKind[] = [slack, webhook];
