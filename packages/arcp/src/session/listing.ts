import { type CallOptions, type Clock, ResponseFormatError, TimeoutError } from "@imprest/core";
import type { JobEntry, JobFilter, SessionListJobs } from "@imprest/core/models/arcp";
import type { Frame } from "../frame/frame.ts";
import { payloadOf } from "../frame/read.ts";

/** A runtime may filter behind its paging, so that some pages are empty; one that goes on so has nothing. */
const mostEmptyPages = 100;
/** Cursors that are remembered: one that comes again leads in a circle. */
const rememberedCursors = 1000;

/** What of the runtime's jobs is read: at most `limit`, in pages of at most `pageSize`. */
export interface Listing extends Pick<CallOptions, "signal"> {
  readonly filter?: JobFilter | undefined;
  readonly limit: number;
  readonly pageSize: number;
  /** All pages together may keep one waiting for so long; without it each page may for the time of a request. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Reads a listing page by page, as its entries are asked for (ARCP §6.6).
 * @throws TimeoutError past the deadline; ResponseFormatError for pages that stay empty; what a request throws.
 */
export async function* readListing(
  list: (page: SessionListJobs, options: CallOptions) => Promise<Page>,
  { filter, limit, pageSize, signal, timeoutMs }: Listing,
  clock: Clock,
): AsyncGenerator<JobEntry, void, undefined> {
  const cursors = new Set<string>();
  let cursor: string | undefined;
  let leftMs = timeoutMs;
  let empty = 0;
  let left = limit;
  while (left > 0) {
    if (leftMs !== undefined && leftMs <= 0) {
      throw new TimeoutError(`Listing jobs took longer than ${timeoutMs} ms.`, timeoutMs ?? 0);
    }
    const askedAt = clock.monotonic();
    const request = {
      ...(filter && { filter }),
      limit: Math.min(left, pageSize),
      ...(cursor !== undefined && { cursor }),
    };
    const { jobs, next } = await list(request, { signal, timeoutMs: leftMs });
    // Only the runtime's time counts; a consumer may take its own between two pages.
    if (leftMs !== undefined) leftMs -= clock.monotonic() - askedAt;
    yield* jobs.slice(0, left);
    left -= jobs.length;
    // A runtime that gives a cursor again has no other page.
    if (next === undefined || cursors.has(next)) return;
    empty = jobs.length === 0 ? empty + 1 : 0;
    if (empty >= mostEmptyPages) {
      throw new ResponseFormatError(`The runtime's listing had ${empty} empty pages in a row, and no end.`);
    }
    cursors.add(next);
    const [oldest] = cursors;
    if (cursors.size > rememberedCursors && oldest !== undefined) cursors.delete(oldest);
    cursor = next;
  }
}

/** One page of `session.jobs`, and the cursor of the next. */
export interface Page {
  readonly jobs: readonly JobEntry[];
  readonly next: string | undefined;
}

/** Reads `session.jobs`; what is no job is left out. */
export function readPage(frame: Frame): Page {
  const { jobs = [], next_cursor: next } = payloadOf("session.jobs", frame);
  return { jobs, next: next || undefined };
}
