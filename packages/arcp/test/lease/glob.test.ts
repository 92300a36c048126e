import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { globCovers, leasePermits, matchesGlob, patternCovers } from "../../src/lease/index.ts";

describe("the glob of ARCP 1.0 §9.2", () => {
  it.each([
    ["/a/**", "/a", true],
    ["/a/**", "/a/b/c", true],
    ["/a/**", "/ab", false],
    ["/a/*", "/a/b", true],
    ["/a/*", "/a/b/c", false],
    ["/a/*", "/a", false],
    ["/a/**/z", "/a/z", true],
    ["/a/**/z", "/a/b/c/z", true],
    ["/a/**/z", "/a/b/c", false],
    ["**", "", true],
    ["**", "a/b", true],
    ["*", "a.b", true],
    ["*", "a/b", false],
    ["search.*", "search.web", true],
    ["search.*", "xsearch.web", false],
    ["tier-fast/*", "tier-fast/x/y", false],
    ["mcp:github/*", "mcp:github/issues", true],
    ["a?c", "abc", false],
    ["[ab]", "a", false],
    ["a**c", "abbc", true],
    ["a**c", "ab/bc", false],
    ["*a*a*b", "aaaaaaaaab", true],
    ["a.c", "abc", false],
  ])("%s matches %s: %s", (pattern, value, expected) => {
    expect(matchesGlob(pattern, value)).toBe(expected);
  });

  it.each([
    ["search.*", "search.web", true],
    ["anthropic/claude-3-*", "anthropic/claude-3-haiku-*", true],
    ["**", "a/**/b", true],
    ["/a/**", "/a/*/b", true],
    ["/a/*", "/a/**", false],
    ["/a/*/**", "/a/**", false],
    ["/a/*", "/a/b*", true],
    ["/a/b*", "/a/*", false],
    ["tier-fast/*", "*", false],
    ["a*", "*a", false],
  ])("%s covers %s: %s", (parent, child, expected) => {
    expect(globCovers(parent, child)).toBe(expected);
  });

  it("does not take forever on a hostile pattern", () => {
    const pattern = "*a".repeat(500);
    const started = performance.now();
    expect(matchesGlob(pattern, `${"a".repeat(1000)}b`)).toBe(false);
    expect(globCovers("**/x/".repeat(100), "y/".repeat(500))).toBe(false);
    expect(performance.now() - started).toBeLessThan(500);
  });
});

const letter = fc.constantFrom("a", "b", ".", "*");
const segment = fc.oneof(
  fc.constant("**"),
  fc.array(letter, { maxLength: 4 }).map((letters) => letters.join("")),
);
const pattern = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join("/"));

/** A value that a pattern stands for: each wildcard filled in with something. */
function instanceOf(child: string): fc.Arbitrary<string> {
  const plain = fc.array(fc.constantFrom("a", "b", "."), { maxLength: 3 }).map((letters) => letters.join(""));
  const parts = child.split("/").map((part) => {
    if (part === "**") return fc.array(plain, { maxLength: 3 });
    const filled = part.split("").map((character) => (character === "*" ? plain : fc.constant(character)));
    return fc.tuple(...filled).map((characters) => [characters.join("")]);
  });
  return fc.tuple(...parts).map((segments) => segments.flat().join("/"));
}

/** The obvious, slow matcher, to check the fast one against. */
function slowMatch(segments: readonly string[], value: readonly string[]): boolean {
  const [first, ...rest] = segments;
  if (first === undefined) return value.length === 0;
  if (first === "**")
    return Array.from({ length: value.length + 1 }, (_, skip) => skip).some((skip) =>
      slowMatch(rest, value.slice(skip)),
    );
  const expression = new RegExp(`^${first.replaceAll(".", "\\.").replaceAll(/\*+/g, "[^/]*")}$`);
  return value[0] !== undefined && expression.test(value[0]) && slowMatch(rest, value.slice(1));
}

describe("laws", () => {
  it("matching agrees with the definition", () => {
    const value = fc
      .array(fc.array(fc.constantFrom("a", "b", "."), { maxLength: 3 }), { minLength: 1, maxLength: 5 })
      .map((segments) => segments.map((letters) => letters.join("")).join("/"));
    const related = pattern.chain((child) => fc.tuple(fc.constant(child), fc.oneof(value, instanceOf(child))));
    fc.assert(
      fc.property(
        related,
        ([child, text]) => matchesGlob(child, text) === slowMatch(child.split("/"), text.split("/")),
      ),
      { numRuns: 3000 },
    );
  });

  it("a subset covers no more: every match of the child is a match of the parent", () => {
    const pair = fc.tuple(pattern, pattern).chain(([parent, child]) => {
      const narrowed = fc.constantFrom(child, parent.replace("**", child), parent.replace("*", "a"), parent);
      return narrowed.chain((narrow) => fc.tuple(fc.constant(parent), fc.constant(narrow), instanceOf(narrow)));
    });
    let covered = 0;
    fc.assert(
      fc.property(pair, ([parent, child, value]) => {
        if (!globCovers(parent, child)) return true;
        covered++;
        // An instance of "**" with no segment at all is no string of segments.
        return !matchesGlob(child, value) || matchesGlob(parent, value);
      }),
      { numRuns: 5000 },
    );
    // The law must not hold for want of cases.
    expect(covered).toBeGreaterThan(1000);
  });

  it("covering is reflexive and transitive", () => {
    fc.assert(fc.property(pattern, (one) => globCovers(one, one)));
    fc.assert(
      fc.property(pattern, pattern, pattern, (one, two, three) => {
        const chained = globCovers(one, two) && globCovers(two, three);
        return !chained || globCovers(one, three);
      }),
      { numRuns: 3000 },
    );
  });

  it("holds for canonical paths and URLs as well, however the target is spelled", () => {
    const path = fc
      .array(fc.constantFrom("a", "b", "..", ".", "", "*", "**"), { maxLength: 6 })
      .map((parts) => `/${parts.join("/")}`);
    const spelling = fc.constantFrom("https://Example.com", "https://example.com:443", "HTTPS://example.com");
    fc.assert(
      fc.property(path, path, path, spelling, (parent, child, target, origin) => {
        if (patternCovers("fs.read", parent, child) && leasePermits({ "fs.read": [child] }, "fs.read", target)) {
          if (!leasePermits({ "fs.read": [parent] }, "fs.read", target)) return false;
        }
        const [wide, narrow] = [`https://example.com${parent}`, `https://example.com${child}`];
        if (!patternCovers("net.fetch", wide, narrow)) return true;
        if (!leasePermits({ "net.fetch": [narrow] }, "net.fetch", origin + target)) return true;
        return leasePermits({ "net.fetch": [wide] }, "net.fetch", origin + target);
      }),
      { numRuns: 5000 },
    );
  });
});
