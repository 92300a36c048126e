import { ResponseFormatError } from "@imprest/core";

/** What every page of a list says about the next (Cycles §Pagination). */
export interface Page {
  readonly next_cursor?: string | undefined;
  readonly has_more?: boolean | undefined;
}

/**
 * A list that comes in pages, read as far as it is iterated: `for await (const row of list)` for the rows,
 * `list.pages()` for the pages, `list.first()` for the first page alone. Each iteration starts anew.
 */
export class Pages<Item, PageType extends Page> implements AsyncIterable<Item> {
  readonly #fetch: (cursor: string | undefined) => Promise<PageType>;
  readonly #itemsOf: (page: PageType) => readonly Item[];

  constructor(fetch: (cursor: string | undefined) => Promise<PageType>, itemsOf: (page: PageType) => readonly Item[]) {
    this.#fetch = fetch;
    this.#itemsOf = itemsOf;
  }

  /** The first page, or the one that the query's own cursor names. */
  first(): Promise<PageType> {
    return this.#fetch(undefined);
  }

  /** @throws ResponseFormatError when a cursor comes again or is missing: the list would not end, or not be whole. */
  async *pages(): AsyncGenerator<PageType, void, undefined> {
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await this.#fetch(cursor);
      yield page;
      cursor = nextCursor(page);
      if (cursor !== undefined && seen.has(cursor)) {
        throw new ResponseFormatError("The authority gave the same cursor twice, so the list would never end.");
      }
      if (cursor !== undefined) seen.add(cursor);
    } while (cursor !== undefined);
  }

  /** Every item of every page; a page is fetched when it is reached. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for await (const page of this.pages()) yield* this.#itemsOf(page);
  }
}

function nextCursor({ next_cursor: cursor, has_more: hasMore }: Page): string | undefined {
  if (hasMore === false || (hasMore === undefined && !cursor)) return undefined;
  if (!cursor) throw new ResponseFormatError("The authority says there is more, but gives no cursor to it.");
  return cursor;
}
