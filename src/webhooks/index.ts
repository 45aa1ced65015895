// The register of webhook kinds. A new kind needs a file or folder, and an import and an entry here.

import type { WebhookKind } from "../core/webhook.ts";
import { github } from "./github.ts";

export const webhookKinds: readonly WebhookKind[] = [github];
