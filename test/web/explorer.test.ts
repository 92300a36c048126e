import { gzipSync } from "node:zlib";
import { signAuditEvent } from "@imprest/asp/audit";
import { describe, expect, inject, it } from "vitest";
import { openPage, sidewaysOf, violationsOf } from "./support/browser.ts";
import { choose, textOf, verifyIn } from "./support/explorer-page.ts";
import { explorerSite } from "./support/explorer-site.ts";
import { decision, decisionId, event, feedOf, issuer, jwks, signer } from "./support/signed-feed.ts";
import { staticSite } from "./support/static-site.ts";

const explorer = explorerSite();
const { open } = explorer;

/** Ten decisions; the second one's commit was altered, and the third has its commit twice. */
async function spoiltFeed(): Promise<string> {
  const lines = [...(await feedOf(20))];
  lines[3] = lines[3]?.replace('"700"', '"900"') ?? "";
  lines.splice(6, 0, lines[5] ?? "");
  return lines.join("\n");
}

describe("the explorer", () => {
  it("verifies a feed with its keys once the reader trusts the issuer", async () => {
    await using opened = await open();
    const { page, faults } = opened;
    await choose(page, { name: "jwks.json", bytes: JSON.stringify(jwks) });
    await choose(page, { name: "feed.ndjson", bytes: (await feedOf(20)).join("\n") });
    const start = page.getByRole("button", { name: "Verify", exact: true });
    expect(await start.isDisabled()).toBe(true);
    await page.getByRole("button", { name: `Trust ${issuer}` }).click();
    await start.click();
    await page.locator(".line").first().waitFor();
    expect(await textOf(page, ".headline h2")).toBe("20 ASP events: nothing is wrong");
    expect(await textOf(page, ".line")).toMatch(/^1 accepted\s*reserve2026-06-01T12:00:00018f6b2e-/);
    expect(faults).toEqual([]);
  });

  it("reads a gzipped feed, and a line of it again when it is opened", async () => {
    await using opened = await open();
    const { page, faults } = opened;
    const lines = await feedOf(40);
    await verifyIn(page, gzipSync(lines.join("\n")));
    expect(await textOf(page, ".headline h2")).toBe("40 ASP events: nothing is wrong");
    await page.locator(".line").nth(4).click();
    await page.locator("pre").waitFor();
    expect(await textOf(page, "pre")).toBe(lines[4]);
    expect(faults).toEqual([]);
  });

  it("lists what is not accepted first, with the finding, and everything of the decision", async () => {
    await using opened = await open();
    const { page, faults } = opened;
    await verifyIn(page, await spoiltFeed());
    expect(await textOf(page, ".headline h2")).toMatch(/^1 line of 21 not accepted/);
    await page.locator(".line").first().click();
    const panel = page.getByRole("complementary");
    await panel.waitFor();
    expect(await panel.textContent()).toContain("not what was signed");
    expect(await panel.textContent()).toContain("altered, or never signed");
    await page.locator("#find").fill("r-2");
    await page.keyboard.press("Enter");
    await page.locator(".timeline").waitFor();
    const happened = await page.locator(".timeline > li h3").allTextContents();
    expect(happened.map((text) => text.replaceAll(/\s+/g, " "))).toEqual([
      "reserve accepted",
      "commit accepted",
      "commit accepted, warning",
    ]);
    expect(await page.locator(".timeline .facts").first().textContent()).toContain("1,000 output_token");
    await page.getByRole("tab", { name: /Findings/ }).click();
    expect(await page.getByRole("tabpanel").textContent()).toContain("The event is here twice.");
    expect(faults).toEqual([]);
  });

  it("adds up what each budget reserved, and what became of it", async () => {
    const granted = { unit: "usd_atomic", decision: "ALLOW", ttl_expires_at: "2026-06-01T13:00:00.000Z" };
    const large = { ...granted, budget_id: "team", amount_atomic_reserved: "900719925474099312345" };
    const lines = [
      await event(1, 1, "reserve", large),
      await event(1, 2, "commit", { amount_atomic_observed: "900719925474099312344", refund_amount_atomic: "1" }),
      await event(2, 3, "reserve", { ...granted, budget_id: "team", amount_atomic_reserved: "10" }),
      await event(2, 4, "release"),
      await event(3, 5, "reserve", { ...granted, budget_id: "team", amount_atomic_reserved: "7" }),
      await event(4, 6, "reserve", {
        budget_id: "team",
        unit: "usd_atomic",
        decision: "DENY",
        amount_atomic_reserved: "5",
      }),
      await event(5, 7, "reserve", { ...granted, budget_id: "other", amount_atomic_reserved: "100" }),
      await event(5, 8, "commit", { amount_atomic_observed: "90", refund_amount_atomic: "11" }),
    ];
    await using opened = await open();
    const { page } = opened;
    await verifyIn(page, lines.join("\n"));
    await page.getByRole("tab", { name: /Sums/ }).click();
    const [team = "", other = ""] = await page.getByRole("tabpanel").locator("section").allTextContents();
    expect(team).toContain("adds up");
    expect(team).toContain("committed900,719,925,474,099,312,344 usd_atomic");
    expect(team).toContain("given back11 usd_atomic");
    expect(team).toContain("still held7 usd_atomic");
    expect(team).toContain("3 grants, 1 denied");
    expect(other).toContain("differs by -1 usd_atomic");
  });

  it("says in plain words what a clean feed does not prove", async () => {
    await using opened = await open();
    const { page } = opened;
    await verifyIn(page, (await feedOf(4)).join("\n"));
    await page.getByRole("tab", { name: /Not proven/ }).click();
    expect(await page.getByRole("tabpanel").textContent()).toContain("what the provider billed");
  });

  it("says so where the file mixes forms, or is none of them", async () => {
    await using opened = await open();
    const { page } = opened;
    const envelope = JSON.stringify({ evidence_id: "e", signer_did: "d", server_id: "https://b.example/v1" });
    await verifyIn(page, [...(await feedOf(4)), envelope].join("\n"));
    expect(await textOf(page, ".notice.warn")).toContain(
      "The file mixes forms: 1 evidence envelope, the first on line 5",
    );
    await page.getByRole("button", { name: "Another file" }).click();
    await choose(page, { name: "letter.txt", bytes: "Dear reader,\nnothing of this is signed.\n" });
    expect(await textOf(page, ".notice.bad")).toContain("No line at the beginning of letter.txt is an ASP event");
  });

  it("counts events of issuers that the reader does not trust, and lets him say whom to", async () => {
    await using opened = await open();
    const { page } = opened;
    await choose(
      page,
      { name: "feed", bytes: (await feedOf(4)).join("\n") },
      { name: "k", bytes: JSON.stringify(jwks) },
    );
    await page.getByRole("textbox", { name: "Another origin" }).fill("https://elsewhere.example");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.locator(".notice.warn").waitFor();
    expect(await textOf(page, ".notice.warn")).toContain("4 events of issuers that you do not trust");
    await page.getByRole("button", { name: "Say whom to trust" }).click();
    await page.getByRole("button", { name: `Trust ${issuer}` }).waitFor();
  });

  it.each<[string, string | Uint8Array, string]>([
    ["an empty file", "", "feed.ndjson is empty."],
    ["a JSON array", "[{}]", "is a JSON array"],
    ["UTF-16", new Uint8Array([0xff, 0xfe, 0x7b, 0]), "is UTF-16"],
    ["a gzip that is cut off", gzipSync("x".repeat(50_000)).subarray(0, 60), "cut off or damaged"],
  ])("explains why %s cannot be verified", async (_what, bytes, message) => {
    await using opened = await open();
    const { page, faults } = opened;
    await choose(page, { name: "feed.ndjson", bytes });
    await page.getByText("The feed was not verified").waitFor();
    expect(await textOf(page, ".notice.bad")).toContain(message);
    expect(await violationsOf(page)).toEqual([]);
    expect(faults).toEqual([]);
  });

  it.each<[string, string, string]>([
    ["keys that are no JSON", '{"keys":[,]}', "pasted keys is not JSON"],
    ["a private key", JSON.stringify({ ...jwks.keys[0], d: "A".repeat(43) }), ""],
  ])("explains why %s cannot be used", async (_what, keys, message) => {
    await using opened = await open();
    const { page } = opened;
    await choose(page, { name: "feed.ndjson", bytes: (await feedOf(2)).join("\n") });
    await page.getByRole("button", { name: `Trust ${issuer}` }).click();
    await page.getByRole("textbox", { name: "Or paste a JWK or a JWK Set" }).fill(keys);
    await page.getByRole("button", { name: "Add" }).click();
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.locator(".headline.bad, .notice.bad").first().waitFor();
    expect(await page.locator("main").textContent()).toContain(message);
  });

  it("stops an export where the reader says so, or goes on to another file, and saves nothing of it", async () => {
    await using opened = await open();
    const { page, faults } = opened;
    const saved: string[] = [];
    page.on("download", (download) => saved.push(download.suggestedFilename()));
    const lines = await feedOf(40);
    await verifyIn(page, Array.from({ length: 200 }, () => lines.join("\n")).join("\n"));
    const start = page.getByRole("button", { name: "Export as JSON" });
    const stop = page.getByRole("button", { name: "Verifying again for the report… Stop" });
    await start.click();
    await stop.click();
    await start.waitFor();
    await start.click();
    await stop.waitFor();
    await page.getByRole("button", { name: "Another file" }).click();
    await choose(page, { name: "feed.ndjson", bytes: lines.join("\n") });
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.locator(".headline").waitFor();
    expect(await textOf(page, ".headline h2")).toBe("40 ASP events: nothing is wrong");
    expect(await page.locator(".notice.bad").count()).toBe(0);
    expect([saved, faults]).toEqual([[], []]);
  });

  it("trusts an http: origin of this machine only where the reader ticks what the command has --allow-loopback for", async () => {
    await using opened = await open();
    const { page, faults } = opened;
    const local = "http://127.0.0.1:7878";
    const denied = { budget_id: "b", unit: "u", amount_atomic_reserved: "1", decision: "DENY" };
    const from = { ...signer, source: `${local}/asp` };
    const line = await signAuditEvent("reserve", { decision_id: decisionId(1), ...denied }, from, 1_800_000_000_000);
    await verifyIn(page, line, { trust: local });
    expect(await textOf(page, ".notice.bad")).toContain("bare HTTPS origins");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("checkbox", { name: "Also trust http: origins of this machine" }).check();
    expect(await violationsOf(page)).toEqual([]);
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.locator(".headline").waitFor();
    expect(await textOf(page, ".headline h2")).toBe("1 ASP event: nothing is wrong");
    expect(faults).toEqual([]);
  });

  it("is used by keyboard alone", async () => {
    await using opened = await open();
    const { page, faults } = opened;
    await verifyIn(page, await spoiltFeed());
    await page.getByRole("button", { name: /^All/ }).focus();
    await page.keyboard.press("Enter");
    await page.locator(".line").nth(3).waitFor();
    await page.getByRole("listbox").focus();
    await page.keyboard.press("End");
    await page.locator(".line[aria-selected=true]", { hasText: /^21/ }).waitFor();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowDown");
    await page.locator(".line[aria-selected=true]", { hasText: /^2 / }).waitFor();
    await page.keyboard.press("Enter");
    await page.locator(".detail").waitFor();
    expect(await textOf(page, ".detail h2")).toBe("Line 2");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Line 2");
    await page.keyboard.press("Escape");
    expect(await page.locator(".detail").count()).toBe(0);
    await page.keyboard.press("/");
    await page.keyboard.type(decisionId(4));
    await page.keyboard.press("Enter");
    await page.locator(".timeline").waitFor();
    await page.getByRole("tab", { name: /Lines/ }).focus();
    await page.keyboard.press("ArrowRight");
    expect(await page.locator("[role=tab][aria-selected=true]").textContent()).toMatch(/^Findings/);
    await page.keyboard.press("End");
    expect(await page.locator("[role=tab][aria-selected=true]").textContent()).toMatch(/^Not proven/);
    expect(faults).toEqual([]);
  });

  it("asks for nothing beyond its own files, and works without a network once it is loaded", async () => {
    const own = await staticSite(inject("pages"));
    await using opened = await openPage(explorer.browser, `${own.url}explorer.html`);
    const { page, faults } = opened;
    await page.waitForLoadState("networkidle");
    await own[Symbol.asyncDispose]();
    await page.context().setOffline(true);
    await verifyIn(page, (await feedOf(6)).join("\n"));
    expect(await textOf(page, ".headline h2")).toBe("6 ASP events: nothing is wrong");
    await page.getByRole("button", { name: "Another file" }).click();
    const envelope = { evidence_id: "e", signer_did: "d", server_id: "https://b.example/v1" };
    await choose(page, { name: "envelopes.ndjson", bytes: JSON.stringify(envelope) });
    await page.getByRole("button", { name: "Trust https://b.example/v1" }).click();
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.locator(".headline.bad").waitFor();
    expect(await textOf(page, ".headline h2")).toBe("1 line of 1 not accepted");
    expect(own.asked.filter((path) => !path.startsWith("/docs/explorer/"))).toEqual([]);
    expect(faults).toEqual([]);
  });

  it.each(["light", "dark"] as const)(
    "has no violation in the %s theme, in any view, wide or narrow",
    async (colorScheme) => {
      for (const width of [360, 1_280, 2_560]) {
        await using opened = await open({ colorScheme, viewport: { width, height: 800 } });
        const { page, faults } = opened;
        const check = async (what: string): Promise<void> => {
          if (width < 2_000) expect(await violationsOf(page), `${what} at ${width}`).toEqual([]);
          expect(await sidewaysOf(page), `${what} at ${width}`).toEqual([]);
        };
        await check("empty");
        const lines = [await spoiltFeed(), ...(await decision(90, "a/".repeat(80)))].join("\n");
        await choose(page, { name: "feed.ndjson", bytes: lines }, { name: "jwks.json", bytes: JSON.stringify(jwks) });
        await page.getByRole("button", { name: `Trust ${issuer}` }).waitFor();
        await check("asking");
        await page.getByRole("button", { name: `Trust ${issuer}` }).click();
        await check("ready");
        await page.getByRole("button", { name: "Verify", exact: true }).click();
        await page.locator(".line").first().click();
        await page.locator(".detail").waitFor();
        await check("a line");
        await page
          .getByRole("button", { name: /^Everything of|Close/ })
          .first()
          .click();
        for (const view of ["Findings", "Sums", "Not proven"]) {
          await page.getByRole("tab", { name: new RegExp(view) }).click();
          await check(view);
        }
        await page.locator("#find").fill(decisionId(2));
        await page.keyboard.press("Enter");
        await page.locator(".timeline").waitFor();
        await check("a decision");
        expect(faults).toEqual([]);
      }
    },
  );
});
