// The adapters that this build has, and the parts of the configuration's schema that they bring.

import type { AdapterSchemas } from "../config/schema.ts";
import { sinkKinds } from "../sinks/index.ts";
import { webhookKinds } from "../webhooks/index.ts";

/** What `loadConfig` and the generated schema need of them. */
export const adapterSchemas: AdapterSchemas = {
  webhooks: webhookKinds.map((kind) => kind.options),
  sinks: sinkKinds.map((kind) => kind.options),
};
