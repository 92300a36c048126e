import fc from "fast-check";
import { expect, test } from "vitest";
import { type LineEntry, LineTable } from "../../src/explorer/audit/line-table.ts";

const entry: LineEntry = {
  disposition: "authentic",
  accepted: true,
  warned: false,
  kind: "commit",
  atMs: 5,
  group: 0,
  code: undefined,
};

test("each line stands where the file has it, in whatever chunks the file comes", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "é", "\n", "\r", "\n\n"), maxLength: 3_000 });
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 700 }), (whole, size) => {
      const bytes = new TextEncoder().encode(whole);
      const table = new LineTable();
      for (let at = 0; at < bytes.length; at += size) table.addBytes(bytes.subarray(at, at + size));
      const lines = whole.split("\n");
      const found = lines.map((_, at) => {
        const { from, to } = table.rangeOf(at + 1);
        return new TextDecoder().decode(bytes.subarray(from, to));
      });
      expect(found).toEqual(lines);
    }),
  );
});

test("what is set of a line is what is read of it, and filters leave the lines that they name", () => {
  const entries = fc.array(
    fc.record({
      ...Object.fromEntries(Object.entries(entry).map(([name, value]) => [name, fc.constant(value)])),
      disposition: fc.constantFrom("authentic", "binding_only", "signature_invalid", "signer_resolution_failed"),
      accepted: fc.boolean(),
      warned: fc.boolean(),
      kind: fc.constantFrom("", "reserve", "commit"),
      atMs: fc.option(fc.integer(), { nil: undefined }),
      group: fc.nat(5),
      code: fc.constantFrom(undefined, "duplicate", "bad_signature"),
    }) as fc.Arbitrary<LineEntry>,
    { maxLength: 2_500 },
  );
  fc.assert(
    fc.property(entries, (all) => {
      const table = new LineTable();
      table.addBytes(new Uint8Array(all.length).fill(0x0a));
      for (const [at, one] of all.entries()) table.set(at + 1, one);
      expect(all.map((_, at) => table.get(at + 1))).toEqual(all);
      const numbered = all.map((one, at) => ({ ...one, line: at + 1 }));
      const linesOf = (kept: typeof numbered): number[] => kept.map(({ line }) => line);
      expect([...table.select("all")]).toEqual(linesOf(numbered));
      expect([...table.select("rejected")]).toEqual(linesOf(numbered.filter(({ accepted }) => !accepted)));
      expect([...table.select("warned")]).toEqual(linesOf(numbered.filter(({ warned }) => warned)));
      const ofGroup = numbered.filter(({ group }) => group === 3);
      expect(table.linesOf(3, 4)).toEqual({ lines: linesOf(ofGroup).slice(0, 4), total: ofGroup.length });
    }),
    { numRuns: 40 },
  );
});

test("a line without a statement is no row", () => {
  const table = new LineTable();
  table.addBytes(new TextEncoder().encode("a\n\nb\n"));
  table.set(1, entry);
  table.set(3, entry);
  expect([...table.select("all")]).toEqual([1, 3]);
  expect(table.get(2)).toBeUndefined();
  expect(table.get(99)).toBeUndefined();
});
