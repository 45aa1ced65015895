// The register of sink kinds. A new kind needs a file or folder, and an import and an entry here.

import type { SinkKind } from "../core/sink.ts";
import { slack } from "./slack/slack.ts";
import { webhook } from "./webhook.ts";

export const sinkKinds: readonly SinkKind[] = [slack, webhook];
