import { type CallOptions, ConfigurationError, ResponseFormatError } from "@imprest/core";
import { sleep } from "@imprest/core/internal";
import { aspCursorHeader, aspFeedPath } from "@imprest/core/models/asp";
import type { AspConnection } from "./connection.ts";

/** Which signed events to read, and what to do with each. */
export interface EventsOptions<Report = undefined> extends CallOptions {
  /** The `number` of the last event that was read before; from the first that is kept when absent. */
  readonly since?: number | undefined;
  /** At the end, waits for what comes, until `signal` aborts. */
  readonly follow?: boolean | undefined;
  /** How long to wait before the authority is asked again, in milliseconds; 2000 when absent. */
  readonly pollMs?: number | undefined;
  /** Verifies each line as it comes, such as `(line) => verifyAuditEvent(line, { trust })`. */
  readonly verify?: ((line: string) => Promise<Report>) | undefined;
}

/** One signed event of a feed. */
export interface SignedEvent<Report = undefined> {
  /** Where it stands: reading goes on after it with `since`. */
  readonly number: number;
  /** The text as it came, which is what is verified. */
  readonly line: string;
  /** What `verify` made of it. */
  readonly report: Report;
}

/** Events of one answer: with the largest that embedded writes, two thirds of `longestPageBytes`. */
const eventsOfPage = 200;
/** A page is longer than any other answer. */
const longestPageBytes = 16 * 1024 * 1024;

/**
 * Reads a feed page by page, each as it is reached. A page that fails is asked for again, within the deadline of a call.
 * @throws as a call; ResponseFormatError for a page that does not say where it ends.
 */
export async function* readFeed<Report = undefined>(
  connection: AspConnection,
  options: EventsOptions<Report> = {},
): AsyncGenerator<SignedEvent<Report>, void, undefined> {
  const { since = 0, follow = false, pollMs = 2_000, verify, ...call } = options;
  if (!Number.isSafeInteger(since) || since < 0) throw new ConfigurationError("since is the number of an event.");
  if (!(pollMs >= 1)) throw new ConfigurationError("pollMs starts at 1.");
  for (let read = since; ;) {
    const { lines, last } = await page(connection, read, call);
    const reports = await Promise.all(lines.map(async (line) => verify?.(line)));
    for (const [at, line] of lines.entries()) {
      // Without `verify` the type of a report is `undefined`.
      yield { number: last - lines.length + 1 + at, line, report: reports[at] as Report };
    }
    if (lines.length > 0) read = last;
    else if (follow) await sleep(connection.options.clock, pollMs, call.signal);
    else return;
  }
}

async function page(
  connection: AspConnection,
  since: number,
  call: CallOptions,
): Promise<{ readonly lines: readonly string[]; readonly last: number }> {
  const path = `${aspFeedPath}?cursor=${since}&limit=${eventsOfPage}`;
  const { headers, body } = await connection.read(path, call, longestPageBytes);
  const lines = body.split("\n").filter((line) => line.trim() !== "");
  const last = Number(headers[aspCursorHeader]);
  if (lines.length === 0 || (Number.isSafeInteger(last) && last >= since + lines.length)) return { lines, last };
  const message = `A page of the feed after ${since} does not say in ${aspCursorHeader} where it ends.`;
  throw new ResponseFormatError(message, { status: 200 });
}
