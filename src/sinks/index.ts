// The register of sink kinds. A new kind: one file, one line here.

import type { SinkKind } from "../core/sink.ts";
import { slack } from "./slack/slack.ts";
import { webhook } from "./webhook.ts";

export const sinkKinds: readonly SinkKind[] = [slack, webhook];
