import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ResponseFormatError, type Transport } from "@imprest/core";
import { CyclesClient, type CyclesClientOptions, metadataOf } from "@imprest/cycles";

interface FakePage {
  readonly rows: readonly string[];
  readonly next_cursor?: string;
  readonly has_more?: boolean;
}

/** A client whose authority serves `pages`, and what was asked of it. */
function serving(
  pages: readonly FakePage[],
  more: Partial<CyclesClientOptions> = {},
): { client: CyclesClient; queries: URLSearchParams[] } {
  const queries: URLSearchParams[] = [];
  const transport: Transport = async ({ url }) => {
    queries.push(new URL(url).searchParams);
    const { rows, ...page } = pages[queries.length - 1] ?? { rows: [] };
    const balances = rows.map((scope) => ({ scope, scope_path: scope, remaining: { unit: "TOKENS", amount: 1 } }));
    return {
      status: 200,
      headers: { "x-request-id": `req_${queries.length}` },
      body: JSON.stringify({ balances, ...page }),
    };
  };
  return {
    client: new CyclesClient({ baseUrl: "https://cycles.example", apiKey: "test-key", transport, ...more }),
    queries,
  };
}

async function scopes(list: AsyncIterable<{ readonly scope: string }>): Promise<string[]> {
  const found: string[] = [];
  for await (const { scope } of list) found.push(scope);
  return found;
}

describe("a list in pages", () => {
  it("gives every row once, in order, however it is cut (law)", async () => {
    const cuts = fc.array(fc.array(fc.string(), { maxLength: 4 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.boolean(), async (rows, says) => {
        const pages = rows.map((row, at) => {
          const isLast = at === rows.length - 1;
          return { rows: row, ...(!isLast && { next_cursor: `c${at}` }), ...(says && { has_more: !isLast }) };
        });
        const { client, queries } = serving(pages);
        expect(await scopes(client.getBalances({ tenant: "acme", limit: 4 }))).toEqual(rows.flat());
        expect(queries.map((query) => query.get("cursor"))).toEqual([
          null,
          ...rows.slice(1).map((_row, at) => `c${at}`),
        ]);
        // A cursor binds the filters, so they stay the same from page to page.
        expect(new Set(queries.map((query) => `${query.get("tenant")} ${query.get("limit")}`)).size).toBe(1);
      }),
      { numRuns: 50 },
    );
  });

  it("asks for no page that is not read", async () => {
    const { client, queries } = serving([{ rows: ["a", "b"], next_cursor: "c" }, { rows: ["c"] }]);
    const list = client.getBalances({ tenant: "acme" });
    expect(queries).toHaveLength(0);
    for await (const { scope } of list) {
      expect(scope).toBe("a");
      break;
    }
    expect(queries).toHaveLength(1);
  });

  it("shows its pages, each with its metadata", async () => {
    const { client } = serving([
      { rows: ["a"], next_cursor: "c", has_more: true },
      { rows: ["b"], has_more: false },
    ]);
    const ids: unknown[] = [];
    for await (const page of client.getBalances({ tenant: "acme" }).pages()) ids.push(metadataOf(page)?.requestId);
    expect(ids).toEqual(["req_1", "req_2"]);
  });

  it("starts at the query's own cursor", async () => {
    const { client, queries } = serving([{ rows: ["z"] }]);
    expect(await scopes(client.getBalances({ tenant: "acme", cursor: "mine" }))).toEqual(["z"]);
    expect(queries[0]?.get("cursor")).toBe("mine");
  });

  it("ends where has_more is false, even with a cursor, and where the cursor is empty", async () => {
    const { client, queries } = serving([{ rows: ["a"], next_cursor: "c", has_more: false }]);
    expect(await scopes(client.getBalances({ tenant: "acme" }))).toEqual(["a"]);
    expect(queries).toHaveLength(1);
    const other = serving([{ rows: ["a"], next_cursor: "" }]);
    expect(await scopes(other.client.getBalances({ tenant: "acme" }))).toEqual(["a"]);
  });

  it("does not go round for ever on a cursor that comes again", async () => {
    const { client, queries } = serving(
      Array.from({ length: 50 }, (_, at) => ({ rows: [], next_cursor: `c${at % 2}` })),
    );
    await expect(scopes(client.getBalances({ tenant: "acme" }))).rejects.toBeInstanceOf(ResponseFormatError);
    expect(queries.length).toBeLessThan(5);
  });

  it("does not take a part for the whole when the cursor is missing", async () => {
    const { client } = serving([{ rows: ["a"], has_more: true }]);
    await expect(scopes(client.getBalances({ tenant: "acme" }))).rejects.toThrow("gives no cursor");
  });
});
