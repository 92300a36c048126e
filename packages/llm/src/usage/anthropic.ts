import { type Members, unreadable } from "./members.ts";
import { type Reading, readServerTools, readTerms, readWrites } from "./reading.ts";
import { outputByTotal, splitInput, splitOutput } from "./split.ts";
import { type RequestUsage, type TokenCounts, sumCounts } from "./usage.ts";

const markers = [
  "cache_read_input_tokens",
  "cache_creation_input_tokens",
  "cache_creation",
  "server_tool_use",
  "iterations",
  "inference_geo",
];

export function isAnthropic(usage: Members): boolean {
  return usage.names("input_tokens") && usage.names(...markers);
}

/** Anthropic messages. Cached tokens are not counted among the input tokens. */
export function readAnthropic(usage: Members): Reading {
  const message: RequestUsage = { tokens: readCounts(usage), units: readServerTools(usage) };
  const compactions = readIterations(usage);
  return {
    tokens: sumCounts([message.tokens, ...compactions]),
    units: message.units,
    requests: [message, ...compactions.map((tokens) => ({ tokens, units: {} }))],
    terms: readTerms(usage),
  };
}

function readCounts(usage: Members): TokenCounts {
  const plain = usage.needed("input_tokens");
  const cached = usage.most("cache_read_input_tokens");
  const writes = readWrites(usage.most("cache_creation_input_tokens"), usage.at("cache_creation"));
  const all = plain + cached + writes.written + writes.written1h;
  const details = usage.at("output_tokens_details");
  const output = outputByTotal(usage.needed("output_tokens"), all, usage.count("total_tokens"));
  return {
    ...splitInput(usage, { all, cached, ...writes }),
    ...splitOutput({ all: output, reasoning: details.most("thinking_tokens", "reasoning_tokens") }),
  };
}

/** The counts at the top are those of the message iterations; a compaction stands beside them. */
function readIterations(usage: Members): TokenCounts[] {
  return usage.list("iterations").flatMap((iteration) => {
    const type = iteration.word("type");
    const counts = readCounts(iteration);
    if (type === "message") return [];
    if (type === "compaction") return [counts];
    throw unreadable(`${iteration.pointer}/type`, "is an iteration of a kind that is not known");
  });
}
