// Compiles the `sinks` section: creates the sinks and compiles their filters, which the sink runner applies.

import type { AdapterSettings } from "../core/adapter.ts";
import type { Expression } from "../core/expressions.ts";
import type { Sink, sinkOptions } from "../core/sink.ts";
import { reservedReason } from "../core/topics.ts";
import type { Compiler } from "./compiler.ts";
import type { Adapters, Settings } from "./schema.ts";

/** A sink that is ready to run. */
export interface CompiledSink
  extends Pick<AdapterSettings<typeof sinkOptions>, "type" | "topics" | "from" | "giveUpAfter"> {
  readonly name: string;
  readonly sink: Sink;
  readonly filter: Expression | undefined;
}

export function compileSinks(
  { sinks, kafka }: Settings,
  adapters: Adapters,
  compiler: Compiler,
): readonly CompiledSink[] {
  const compiled: CompiledSink[] = [];
  for (const [name, options] of compiler.entries(sinks)) {
    const at = `sinks.${name}`;
    const { type, topics, from, giveUpAfter } = options;
    for (const topic of Array.isArray(topics) ? topics : [])
      compiler.checkTopic(`${at}.topics`, topic, (named) => reservedReason(named, kafka.namespace));
    const sink = compiler.create(adapters.sinks, at, name, options);
    const filter = compiler.expression(`${at}.filter`, options.filter);
    if (sink) compiled.push({ name, type, topics, from, giveUpAfter, sink, filter });
  }
  return compiled;
}
