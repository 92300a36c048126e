import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type AuditCheckpoint,
  type AuditTrust,
  type AuditorOptions,
  createAuditor,
  verifyAuditEvent,
} from "../../src/audit/index.ts";
import type { PromisedEvent } from "../../src/index.ts";
import { type Books, type Drawn, graceWindowMs, honestBooks, publish, trustBoth } from "./books-of-an-authority.ts";
import { type Lie, lies } from "./lies.ts";

let trust: AuditTrust;
beforeAll(async () => {
  trust = await trustBoth();
});

const drawn: fc.Arbitrary<Drawn> = fc
  .record({ reserved: fc.integer({ min: 10, max: 1_000_000 }), over: fc.integer({ min: 1, max: 1_000 }) })
  .chain(({ reserved, over }) =>
    fc.record({
      reserved: fc.constant(reserved),
      over: fc.constant(over),
      observed: fc.integer({ min: 2, max: reserved - 1 }),
    }),
  );

/** Each answer carries the signature of the event in its slot; of one that was left out, that of the honest event. */
async function promisesOf({ told, asked }: Books, honest: Books): Promise<PromisedEvent[]> {
  const signatures = new Map<string, string>();
  for (const events of [honest.told, told]) {
    for (const { slot, line } of await publish(events)) {
      signatures.set(slot, (JSON.parse(line) as { aspsignature: string }).aspsignature);
    }
  }
  return asked.map(({ slot, ...about }) => ({ ...about, signature: signatures.get(slot) ?? "" }));
}

/** Codes of all that is found, of single events and of them together. */
async function audit(books: Books, options: AuditorOptions): Promise<string[]> {
  const auditor = createAuditor({
    order: "feed",
    graceWindowMs,
    expected: { tenant: "acme", budgetId: "team" },
    ...options,
  });
  const codes: string[] = [];
  for (const { line } of await publish(books.told)) {
    const report = await verifyAuditEvent(line, { trust });
    codes.push(...report.findings.map(({ code }) => code), ...auditor.add(report).map(({ code }) => code));
  }
  return [...codes, ...auditor.finish().findings.map(({ code }) => code)];
}

async function judge({ tell }: Pick<Lie, "tell">, amounts: Drawn) {
  const honest = honestBooks(amounts);
  const books = tell(honest, amounts);
  return { alone: await audit(books, {}), pinned: await audit(books, { promised: await promisesOf(books, honest) }) };
}

describe("an authority that lies, with its own key and its own numbers", () => {
  it("is clean while it states the truth", async () => {
    await fc.assert(
      fc.asyncProperty(drawn, async (amounts) => {
        expect(await judge({ tell: (books) => books }, amounts)).toEqual({ alone: [], pinned: [] });
      }),
      { numRuns: 20 },
    );
  });

  it.each(lies)("$name: alone $alone, with promises $pinned", async (lie) => {
    await fc.assert(
      fc.asyncProperty(drawn, async (amounts) => {
        const { alone, pinned } = await judge(lie, amounts);
        expect(lie.alone === undefined ? alone : alone.filter((code) => code === lie.alone).slice(0, 1)).toEqual(
          lie.alone === undefined ? [] : [lie.alone],
        );
        expect(lie.pinned === undefined ? pinned : pinned.filter((code) => code === lie.pinned).slice(0, 1)).toEqual(
          lie.pinned === undefined ? [] : [lie.pinned],
        );
      }),
      { numRuns: 5 },
    );
  });

  it("is found out day by day as it is at once, wherever the feed is cut", async () => {
    const amounts = { reserved: 1_000, observed: 700, over: 9 };
    const honest = honestBooks(amounts);
    for (const { name, tell } of lies) {
      const books = tell(honest, amounts);
      const promised = await promisesOf(books, honest);
      const options = { order: "feed", graceWindowMs, expected: { tenant: "acme", budgetId: "team" } } as const;
      const codes: string[] = [];
      let since: AuditCheckpoint | undefined;
      const lines = await publish(books.told);
      for (const [at, { line }] of lines.entries()) {
        const auditor = createAuditor({ ...options, since, ...(since === undefined && { promised }) });
        const report = await verifyAuditEvent(line, { trust });
        codes.push(...report.findings.map(({ code }) => code), ...auditor.add(report).map(({ code }) => code));
        const { findings, checkpoint } = auditor.finish({ more: at < lines.length - 1 });
        codes.push(...findings.map(({ code }) => code));
        since = checkpoint;
      }
      // A gap that is filled out of order is one gap, or two where the cut lies in it.
      expect([name, new Set(codes)]).toEqual([name, new Set(await audit(books, { promised }))]);
    }
  }, 60_000);

  it("has at least forty kinds of lies to be found by, and each name once", () => {
    expect(lies.filter(({ pinned }) => pinned !== undefined).length).toBeGreaterThanOrEqual(40);
    expect(new Set(lies.map(({ name }) => name)).size).toBe(lies.length);
  });
});
