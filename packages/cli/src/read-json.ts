import { parseStrictJson } from "@imprest/core/audit";
import { UsageError } from "./command.ts";
import type { Terminal } from "./terminal.ts";

/** @throws UsageError for what is not I-JSON: members that are named twice must not be a matter of a parser's taste. */
export async function readJson(path: string, terminal: Terminal): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of terminal.open(path)) text += decoder.decode(chunk, { stream: true });
  try {
    return parseStrictJson(text + decoder.decode(), { numbers: "double" });
  } catch (error) {
    const why = error instanceof Error ? error.message : "it cannot be read";
    throw new UsageError(`${path} is not JSON: ${why}`, { cause: error });
  }
}
