import { parseStrictJson } from "@imprest/core/audit";
import { UsageError } from "./command.ts";
import { readText } from "./read-text.ts";
import type { Terminal } from "./terminal.ts";

/** @throws UsageError for what is not I-JSON: members that are named twice must not be a matter of a parser's taste. */
export async function readJson(path: string, terminal: Terminal): Promise<unknown> {
  const text = await readText(path, terminal);
  try {
    return parseStrictJson(text, { numbers: "double" });
  } catch (error) {
    const why = error instanceof Error ? error.message : "it cannot be read";
    throw new UsageError(`${path} is not JSON: ${why}`, { cause: error });
  }
}
