import { ValidationError } from "@imprest/core/internal/verify";
import type { PromisedEvent } from "@imprest/asp";
import { readPromisedEvent } from "@imprest/asp/audit";
import { UsageError } from "./command.ts";
import { readText } from "./read-text.ts";
import type { Terminal } from "./terminal.ts";

/** Reads what `onPromisedEvent` gave, one a line. @throws UsageError naming the line. */
export async function readPromised(path: string, terminal: Terminal): Promise<readonly PromisedEvent[]> {
  const lines = (await readText(path, terminal)).split("\n");
  return lines.flatMap((line, at) => (line.trim() === "" ? [] : [readPromise(line, `${path}, line ${at + 1}`)]));
}

function readPromise(line: string, where: string): PromisedEvent {
  try {
    return readPromisedEvent(JSON.parse(line));
  } catch (error) {
    if (ValidationError.isInstance(error)) {
      throw new UsageError(`${where} is no promised event that can be bound to its own: ${error.message}.`, {
        cause: error,
      });
    }
    throw new UsageError(`${where} is not JSON.`, { cause: error });
  }
}
