import { describe, expect, it } from "vitest";
import { imprest } from "./support.ts";

describe("imprest demo", () => {
  it("shows an agent that a budget stops, and books that are the provider's bill", async () => {
    const { code, out, err } = await imprest(["demo"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("Stopped before call 19: BUDGET_EXCEEDED.");
    expect(out).toContain("It adds up to the microcent.");
    expect(out).toMatch(/demo-large +stream /);
    expect(out).toMatch(/demo-small +whole\*/);
  });

  it("asks nothing of the network, whatever keys the shell has", async () => {
    const environment = { OPENAI_API_KEY: "sk-not-for-this", OPENAI_BASE_URL: "http://127.0.0.1:1" };
    const { fetch } = globalThis;
    globalThis.fetch = () => expect.unreachable();
    try {
      expect(await imprest(["demo", "--limit", "$0.02"], { environment })).toMatchObject({ code: 0 });
    } finally {
      globalThis.fetch = fetch;
    }
  });

  it.each(["$2", "5", "TOKENS:100", "$0"])("refuses a limit of %s", async (limit) => {
    const { code, out, err } = await imprest(["demo", "--limit", limit]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^imprest demo: .*amount/);
  });

  it("says what it does on a screen", async () => {
    const { code, out } = await imprest(["demo", "--help"]);
    expect(code).toBe(0);
    expect(out).toContain("no\naccount and no network");
    expect(out.split("\n").length).toBeLessThan(24);
  });
});
