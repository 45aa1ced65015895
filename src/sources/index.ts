// The register of source kinds. A new kind needs a file or folder, and an import and an entry here.

import type { SourceKind } from "../core/source.ts";
import { alphaVantage } from "./alpha-vantage/alpha-vantage.ts";
import { clock } from "./clock.ts";
import { httpPoll } from "./http-poll/http-poll.ts";
import { postgres } from "./postgres/postgres.ts";
import { sample } from "./sample.ts";
import { sse } from "./sse/sse.ts";
import { x } from "./x.ts";

export const sourceKinds: readonly SourceKind[] = [clock, sample, httpPoll, alphaVantage, x, sse, postgres];
