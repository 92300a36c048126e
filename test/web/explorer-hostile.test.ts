import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { sidewaysOf, violationsOf } from "./support/browser.ts";
import { choose, textOf, verifyIn } from "./support/explorer-page.ts";
import { explorerSite } from "./support/explorer-site.ts";
import { event, feedOf, issuer, jwks } from "./support/signed-feed.ts";

const { open } = explorerSite();

const markup = `"><img src=x onerror="alert(1)"><script>alert(2)</script><style>*{display:none}</style><a href="javascript:alert(3)">x</a>`;
const rightToLeft = "paid\u202E0001 \u2066DSU\u2069\u0000\u001b[2J\u200b";
const evil = `${markup}${rightToLeft}`;

/** A trusted issuer that signs anything: every text of every event is an attack. */
async function evilFeed(): Promise<string[]> {
  const granted = { decision: "ALLOW", ttl_expires_at: "2026-06-01T13:00:00.000Z", amount_atomic_reserved: "1000" };
  return [
    await event(0, 1, "reserve", { ...granted, budget_id: evil, unit: evil, reason_codes: [evil] }),
    await event(0, 2, "commit", {
      reservation_id: evil,
      amount_atomic_observed: "9000",
      refund_amount_atomic: "1",
      [evil]: evil,
    }),
    await event(1, 3, "reserve", {
      ...granted,
      budget_id: "b",
      unit: "u",
      decision: evil,
      caps: [{ type: evil, params: evil }],
    }),
    await event(2, 4, "refund", { reservation_id: "r", amount_atomic_refunded: "1", original_commit_event_id: evil }),
  ];
}

/** The same markup where nobody signed it, and what no parser should be fed. */
async function brokenLines(): Promise<string[]> {
  const [first = ""] = await feedOf(2);
  return [
    first.replace('"id":"', `"id":${JSON.stringify(evil)},"x":"`),
    JSON.stringify({ ...(JSON.parse(first) as object), [evil]: evil }),
    JSON.stringify({ type: evil, source: evil, data: evil, evidence_id: evil, signer_did: evil, schema: evil }),
    `{"a":NaN}`,
    `{"a":1e999}`,
    `{"__proto__":{"a":1},"__proto__":2}`,
    "[".repeat(200_000),
    `"${"x".repeat(1_000_000)}"`,
    `{"type":"${"y".repeat(1_100_000)}"}`,
    "\u0000\u0001\uFFFD",
  ];
}

it("a hostile feed executes nothing and breaks no layout, in any view", async () => {
  for (const viewport of [
    { width: 360, height: 800 },
    { width: 1_280, height: 800 },
  ]) {
    await using opened = await open({ viewport });
    const { page, faults } = opened;
    await verifyIn(page, [...(await evilFeed()), ...(await brokenLines())].join("\n"));
    const check = async (what: string): Promise<void> => {
      expect(faults, what).toEqual([]);
      expect(await sidewaysOf(page), what).toEqual([]);
      expect(await page.locator("main img, main script, main style, main a, main iframe").count(), what).toBe(0);
      // Marks that change a text's direction are written out.
      expect(await page.locator("main").innerText(), what).not.toMatch(/[\u202A-\u202E\u2066-\u2069\u200B]/);
    };
    expect(await textOf(page, ".headline h2")).toContain("not accepted");
    await page.getByRole("button", { name: /^All/ }).click();
    await check("lines");
    for (let line = 1; line <= 14; line += 1) {
      await page.locator("#find").fill(String(line));
      await page.keyboard.press("Enter");
      await page.locator(".detail h2", { hasText: new RegExp(`^Line ${line}$`) }).waitFor();
      await check(`line ${line}`);
    }
    await page.getByRole("button", { name: "Close" }).click();
    await page.locator(".line").first().click();
    await page.getByRole("button", { name: /^Everything of/ }).click();
    await page.locator(".timeline").waitFor();
    expect(await page.locator(".timeline").innerText()).toContain("\\u202e");
    await check("a decision");
    for (const view of ["Findings", "Sums", "Not proven"]) {
      await page.getByRole("tab", { name: new RegExp(view) }).click();
      await check(view);
    }
    if (viewport.width > 1_000) expect(await violationsOf(page)).toEqual([]);
  }
});

it("a hostile name of a file, of an issuer or of a key file is shown as text", async () => {
  await using opened = await open({ viewport: { width: 360, height: 800 } });
  const { page, faults } = opened;
  const [line = ""] = await feedOf(2);
  const name = `${evil.replaceAll("/", "")}${"n".repeat(150)}.ndjson`;
  await choose(page, { name, bytes: line }, { name: `${name}.jwks`, bytes: JSON.stringify(jwks) });
  await page.getByRole("textbox", { name: "Another origin" }).fill(evil);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: `Trust ${issuer}` }).click();
  expect(await sidewaysOf(page)).toEqual([]);
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await page.locator(".notice.bad").waitFor();
  expect(await sidewaysOf(page)).toEqual([]);
  expect(await page.locator("main img, main script, main style").count()).toBe(0);
  expect(faults).toEqual([]);
});

it.each<[string, () => Promise<Uint8Array>]>([
  ["in its middle", async () => gzipSync((await feedOf(600)).join("\n")).fill(0, 20_000, 20_400)],
  ["at its end", async () => gzipSync((await feedOf(600)).join("\n")).subarray(0, -40)],
])("a gzip that is damaged %s fails with a sentence, whatever was read before", async (_where, bytes) => {
  await using opened = await open();
  const { page, faults } = opened;
  await choose(page, { name: "feed.ndjson.gz", bytes: await bytes() }, { name: "k", bytes: JSON.stringify(jwks) });
  const trust = page.getByRole("button", { name: `Trust ${issuer}` });
  const failure = page.getByText("The feed was not verified");
  await trust.or(failure).waitFor();
  if (await trust.isVisible()) {
    await trust.click();
    await page.getByRole("button", { name: "Verify", exact: true }).click();
  }
  await failure.waitFor();
  expect(await textOf(page, ".notice.bad")).toContain("is a gzip that is cut off or damaged");
  expect(faults).toEqual([]);
});
