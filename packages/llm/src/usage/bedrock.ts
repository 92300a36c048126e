import { type Members, unreadable } from "./members.ts";
import { type Reading, readTerms } from "./reading.ts";
import { outputByTotal, splitInput, splitOutput } from "./split.ts";

export function isBedrock(usage: Members): boolean {
  return usage.names("inputTokens") && usage.names("cacheReadInputTokens", "cacheWriteInputTokens", "cacheDetails");
}

/** Bedrock Converse. Cached tokens are not counted among the input tokens. */
export function readBedrock(usage: Members): Reading {
  const cached = usage.most("cacheReadInputTokens");
  const byLife = { "5m": 0, "1h": 0 };
  for (const detail of usage.list("cacheDetails")) {
    const ttl = detail.word("ttl");
    if (ttl !== "5m" && ttl !== "1h")
      throw unreadable(`${detail.pointer}/ttl`, "is a cache lifetime that is not known");
    byLife[ttl] += detail.needed("inputTokens");
  }
  const written = Math.max(byLife["5m"], usage.most("cacheWriteInputTokens") - byLife["1h"]);
  const all = usage.needed("inputTokens") + cached + written + byLife["1h"];
  return {
    tokens: {
      ...splitInput(usage, { all, cached, written, written1h: byLife["1h"] }),
      ...splitOutput({ all: outputByTotal(usage.needed("outputTokens"), all, usage.count("totalTokens")) }),
    },
    terms: readTerms(usage),
  };
}
