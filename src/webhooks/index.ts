// The register of webhook kinds. A new kind needs one file, and one line here.

import type { WebhookKind } from "../core/webhook.ts";
import { github } from "./github.ts";

export const webhookKinds: readonly WebhookKind[] = [github];
