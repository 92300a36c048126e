import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ValidationError } from "@imprest/core";
import { parseJson, stringifyJson } from "@imprest/core/internal";
import {
  BudgetCounters,
  BudgetGauge,
  budgetLimits,
  buildLease,
  canonicalPath,
  canonicalUrl,
  formatAgentReference,
  formatBudgetAmount,
  formatMoney,
  leaseIssues,
  leasePermits,
  patternCovers,
  moneyToWire,
  parseAgentReference,
  parseBudgetAmount,
  parseExpiry,
  parseMoney,
  subsetViolations,
} from "../../src/lease/index.ts";

describe("canonical targets (ARCP 1.0 §14)", () => {
  it.each([
    ["/a/./b//c/", "/a/b/c"],
    ["/a/b/../c", "/a/c"],
    ["/", "/"],
    ["a/../b", "b"],
    ["/..", undefined],
    ["/a/../../etc", undefined],
    ["../a", undefined],
    ["", undefined],
    ["a/..", undefined],
    ["C:\\a", undefined],
    ["/a\u0000b", undefined],
    ["/a\u007fb", undefined],
    ["/data/%2e%2e/secret", undefined],
    ["/data/.%2E/secret", undefined],
    ["/data/%2e/secret", undefined],
    ["/data/..%2fsecret", undefined],
    ["/data/a%5cb", undefined],
    ["/data/100%25", "/data/100%25"],
  ])("path %j is %j", (path, expected) => {
    expect(canonicalPath(path)).toBe(expected);
  });

  it.each([
    ["HTTPS://API.Example.com:443/a/../b?q=1#f", "https://api.example.com/b"],
    ["http://example.com:8080", "http://example.com:8080/"],
    ["https://example.com/%2e%2e/a", "https://example.com/a"],
    ["s3://bucket/a/../b", "s3://bucket/b"],
    ["https://example.com/a%2fb", undefined],
    ["https://user@example.com/", undefined],
    ["https://example.com\\@evil.example/", undefined],
    ["file:///etc/passwd", undefined],
    ["javascript:alert(1)", undefined],
    ["//example.com/", undefined],
    ["not a url", undefined],
  ])("URL %j is %j", (url, expected) => {
    expect(canonicalUrl(url)).toBe(expected);
  });

  it("a host pattern does not reach over the path, nor a lease over its prototype", () => {
    const lease = { "net.fetch": ["https://*.example.com/**"] };
    expect(leasePermits(lease, "net.fetch", "https://api.example.com/x")).toBe(true);
    expect(leasePermits(lease, "net.fetch", "https://evil.example/api.example.com/x")).toBe(false);
    expect(leasePermits({}, "constructor", "x")).toBe(false);
    expect(leasePermits({ "net.fetch": ["https://example.com"] }, "net.fetch", "https://example.com/")).toBe(true);
  });

  it.each([
    ["https://*.example.com/**", "https://a.b.example.com/x", false],
    ["https://**.example.com/**", "https://a.b.example.com/x", true],
    ["https://**.example.com/**", "https://evil.example/example.com/x", false],
    ["https://api-*.example.com/", "https://api-1.example.com/", true],
    ["https://*/**", "https://example.com/x", false],
    ["https://*/**", "https://localhost/x", true],
    ["https://**/v1/*", "https://api.example.com/v1/x", true],
    ["https://**/v1/*", "https://api.example.com/v2/v1/x", false],
    ["https://**", "https://api.example.com/v1/x", true],
    ["**", "http://127.0.0.1:8080/v1/x", true],
    ["https://*.example.com:8443/**", "https://a.example.com:8443/x", true],
    ["https://*.example.com/**", "https://a.example.com:8443/x", false],
  ])("the host pattern %s, and %s: %s", (pattern, url, permitted) => {
    expect(leasePermits({ "net.fetch": [pattern] }, "net.fetch", url)).toBe(permitted);
  });

  it("a delegated host pattern is within the other only label by label", () => {
    expect(patternCovers("net.fetch", "https://**.example.com/**", "https://*.example.com/**")).toBe(true);
    expect(patternCovers("net.fetch", "https://*.example.com/**", "https://**.example.com/**")).toBe(false);
    expect(patternCovers("net.fetch", "https://*.example.com/**", "https://*.b.example.com/**")).toBe(false);
  });

  it("control characters match no pattern", () => {
    for (const name of ["a\u0000", "a\nb", "\u007f", "a\u0085"]) {
      expect(leasePermits({ "tool.call": ["**", "*"] }, "tool.call", name)).toBe(false);
      expect(leasePermits({ "model.use": [name] }, "model.use", name)).toBe(false);
    }
  });

  it("an agent's pattern covers its versions; a pattern with a version only that one", () => {
    const may = (pattern: string, target: string): boolean =>
      leasePermits({ "agent.delegate": [pattern] }, "agent.delegate", target);
    expect([may("child", "child@1"), may("child@1", "child@1"), may("child@1", "child@2")]).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe("money", () => {
  it.each([
    [0.1, 100_000_000_000n],
    ["5.00", 5_000_000_000_000n],
    [1e-7, 100_000n],
    [1.5e3, 1_500_000_000_000_000n],
    ["-0.12", -120_000_000_000n],
  ])("reads %j exactly", (value, units) => {
    expect(parseMoney(value, "up")).toBe(units);
    expect(parseMoney(value, "down")).toBe(units);
  });

  it("rounds against the spender what is smaller than it counts", () => {
    expect([parseMoney("0.0000000000001", "up"), parseMoney("0.0000000000001", "down")]).toEqual([1n, 0n]);
    expect([parseMoney("-0.0000000000001", "up"), parseMoney("-0.0000000000001", "down")]).toEqual([0n, -1n]);
    for (const nothing of [Number.NaN, Number.POSITIVE_INFINITY, "", "1,5", "0x10", " 1", "1e9999"]) {
      expect(parseMoney(nothing, "up")).toBeUndefined();
    }
  });

  it("the amount grammar of §9.6, the same currency twice as a sum", () => {
    expect(parseBudgetAmount("USD:5.00")).toEqual({ currency: "USD", units: 5_000_000_000_000n });
    for (const wrong of ["USD", "USD:", "USD:-1", "USD:1.", ":1", "5", "USD:1e3", "US D:1", "USD:1 "]) {
      expect(parseBudgetAmount(wrong)).toBeUndefined();
    }
    expect(budgetLimits(["USD:1", "USD:0.5", "credits:1000"]).get("USD")).toBe(1_500_000_000_000n);
  });

  it("law: a whole amount of any size is a JSON number that holds it exactly", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
        fc.constantFrom("up" as const, "down" as const),
        (whole, rounding) => {
          const written = stringifyJson(moneyToWire(whole * 10n ** 12n, rounding));
          expect(parseMoney(parseJson(written) as number | bigint, rounding)).toBe(whole * 10n ** 12n);
        },
      ),
    );
  });

  it("law: what is written is read back; numbers err on the asked side", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), (units) => {
        const amount = { currency: "USD", units };
        expect(parseBudgetAmount(formatBudgetAmount(amount))).toEqual(amount);
        expect(parseMoney(formatMoney(units), "up")).toBe(units);
        expect(parseMoney(moneyToWire(units, "up"), "down") ?? -1n).toBeGreaterThanOrEqual(units);
        expect(parseMoney(moneyToWire(units, "down"), "up") ?? units + 1n).toBeLessThanOrEqual(units);
      }),
    );
  });
});

describe("budget counters", () => {
  it("law: what was spent and what remains is the ceiling, here and above, whatever is held and refused", () => {
    const step = fc.record({
      who: fc.nat(2),
      what: fc.constantFrom("spend" as const, "hold" as const, "unhold" as const),
      units: fc.bigInt({ min: -5n, max: 100n }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const root = new BudgetCounters(new Map([["USD", 1000n]]));
        const limited = new BudgetCounters(new Map([["USD", 300n]]), root);
        const free = new BudgetCounters(new Map(), root);
        const all = [root, limited, free];
        const spent = [0n, 0n, 0n];
        const held: bigint[][] = [[], [], []];
        for (const { who, what, units } of steps) {
          const counters = all[who] ?? root;
          if (what === "spend") {
            const counted = counters.spend("USD", units);
            expect(counted).toBe(units >= 0n);
            if (counted) spent[who] = (spent[who] ?? 0n) + units;
          } else if (what === "hold") {
            const before = counters.available("USD") ?? 0n;
            if (counters.hold("USD", units)) held[who]?.push(units);
            else expect(units < 0n || units > before).toBe(true);
          } else {
            const given = held[who]?.pop();
            if (given !== undefined) counters.unhold("USD", given);
          }
          const [own = 0n, child = 0n, other = 0n] = spent;
          const sum = (entries: readonly bigint[] | undefined): bigint => (entries ?? []).reduce((a, b) => a + b, 0n);
          const total = own + child + other;
          expect(root.remaining("USD")).toBe(1000n - total);
          expect(root.spent("USD")).toBe(total);
          expect(limited.remaining("USD")).toBe(300n - child < 1000n - total ? 300n - child : 1000n - total);
          expect(free.remaining("USD")).toBe(root.remaining("USD"));
          expect(root.available("USD")).toBe(1000n - total - sum(held[0]) - sum(held[1]) - sum(held[2]));
        }
      }),
    );
  });

  it("one counter at nothing exhausts all, also one above", () => {
    const root = new BudgetCounters(budgetLimits(["USD:1", "credits:5"]));
    const child = new BudgetCounters(budgetLimits(["USD:1"]), root);
    expect(child.exhausted).toBeUndefined();
    root.spend("credits", 5_000_000_000_000n);
    expect(child.exhausted).toBe("credits");
    expect(root.spend("EUR", 1n)).toBe(false);
    expect(new BudgetCounters(new Map()).toWire()).toBeUndefined();
  });
});

describe("budget gauge", () => {
  it.each([
    ["numbers", { USD: 5 }],
    ["decimal texts", { USD: "5.00" }],
    ["amounts of the Python runtime", { USD: "USD:5.00" }],
  ])("reads %s", (_name, budget) => {
    expect(new BudgetGauge(budget).remaining("USD")).toBe("5");
  });

  it("counts a spend once, whichever of the two metrics comes first, and stays exact", () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const gauge = new BudgetGauge({ USD: 1 });
      const metrics = [
        { name: "cost.search", value: 0.42, unit: "USD" },
        { name: "cost.budget.remaining", value: 0.58, unit: "USD" },
      ];
      for (const at of order) gauge.observe(metrics[at] ?? { name: "", value: 0 });
      expect(gauge.remaining("USD")).toBe("0.58");
      gauge.observe({ name: "cost.search", value: 0.7, unit: "USD" });
      expect(gauge.remaining("USD")).toBe("-0.12");
    }
  });

  it("takes no notice of what is no cost, negative, or of another currency", () => {
    const gauge = new BudgetGauge({ USD: 1, broken: "x" });
    for (const metric of [
      { name: "rows", value: 1, unit: "USD" },
      { name: "cost.llm", value: -1, unit: "USD" },
      { name: "cost.llm", value: 1, unit: "EUR" },
      { name: "cost.llm", value: 1, unit: null },
      { name: "cost.llm", value: Number.NaN, unit: "USD" },
    ]) {
      expect(gauge.observe(metric)).toBeUndefined();
    }
    expect(gauge.currencies).toEqual(["USD"]);
    expect(gauge.remaining("USD")).toBe("1");
  });

  it("calls once when so little is left", () => {
    const gauge = new BudgetGauge({ USD: 10 });
    const called: string[] = [];
    gauge.onBelow("USD", 0.2, (remaining) => called.push(remaining));
    const off = gauge.onBelow("USD", 0.1, (remaining) => called.push(`never ${remaining}`));
    off();
    for (const value of [7, 1, 1, 1]) gauge.observe({ name: "cost.llm", value, unit: "USD" });
    expect(called).toEqual(["2"]);
  });
});

describe("lease builder and validator", () => {
  it("builds the wire's words, and refuses what a runtime would", () => {
    expect(
      buildLease({
        read: ["/w/**"],
        tools: ["search.*"],
        budget: ["USD:1.00"],
        vendor: { "x-vendor.acme.run": ["*"] },
      }),
    ).toEqual({
      "fs.read": ["/w/**"],
      "tool.call": ["search.*"],
      "cost.budget": ["USD:1.00"],
      "x-vendor.acme.run": ["*"],
    });
    for (const wrong of [
      { read: ["/a/../b"] },
      { fetch: ["example.com"] },
      { fetch: ["https://example.com/?q=*"] },
      { budget: ["1 USD"] },
      { tools: [""] },
      { vendor: { "acme.run": ["*"] } },
      { tools: ["x".repeat(1025)] },
      { tools: Array.from({ length: 1001 }, () => "x") },
    ]) {
      expect(() => buildLease(wrong)).toThrow(ValidationError);
    }
  });

  it("expires_at is UTC with Z, a day that exists, and in the future", () => {
    const now = Date.parse("2026-05-13T12:00:00Z");
    expect(leaseIssues({}, { expires_at: "2026-05-13T12:00:00.001Z" }, now)).toEqual([]);
    for (const expires_at of [
      "2026-05-13T12:00:00Z",
      "2026-05-13T14:00:00+02:00",
      "tomorrow",
      "2026-02-30T00:00:00Z",
      "2027-01-01T24:00:01Z",
    ]) {
      expect(leaseIssues({}, { expires_at }, now)).toHaveLength(1);
    }
    expect(parseExpiry("2026-05-13T12:00:00.5Z")).toBe(now + 500);
  });

  it("agent references of §7.5", () => {
    expect(parseAgentReference("code-refactor@2.0.0+x")).toEqual({ name: "code-refactor", version: "2.0.0+x" });
    expect(formatAgentReference({ name: "echo" })).toBe("echo");
    for (const wrong of ["", "Echo", "-a", "a@", "a@b@c", "a b", "a@b c", "a".repeat(300)]) {
      expect(parseAgentReference(wrong)).toBeUndefined();
    }
  });
});

describe("subsetting (ARCP §9.4)", () => {
  const parent = {
    lease: { "fs.read": ["/w/**"], "cost.budget": ["USD:5.00"] },
    budget: new BudgetCounters(budgetLimits(["USD:5.00"])),
    expiresAtMs: 1000,
  };

  it("names each way in which a lease is wider", () => {
    expect(
      subsetViolations({ lease: { "fs.read": ["/w/a/*"], "cost.budget": ["USD:5.00"] }, expiresAtMs: 1000 }, parent),
    ).toEqual([]);
    const wider = {
      "fs.read": ["/**"],
      "fs.write": ["/w/a"],
      "cost.budget": ["USD:3", "USD:2.01", "EUR:1"],
      toString: ["x"],
    };
    expect(subsetViolations({ lease: wider, expiresAtMs: 1001 }, parent)).toHaveLength(6);
  });

  it("what the parent has set aside is not there to give away", () => {
    const budget = new BudgetCounters(budgetLimits(["USD:5.00"]));
    budget.hold("USD", 2_000_000_000_000n);
    const child = { lease: { "cost.budget": ["USD:3.01"] } };
    expect(subsetViolations(child, { lease: {}, budget })).toHaveLength(1);
    budget.unhold("USD", 2_000_000_000_000n);
    expect(subsetViolations(child, { lease: {}, budget })).toEqual([]);
  });
});
