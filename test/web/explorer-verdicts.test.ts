import fc from "fast-check";
import type { Page } from "playwright";
import { evidenceJwk } from "@imprest/cycles/evidence";
import { beforeAll, describe, expect, it } from "vitest";
import { imprest } from "../../packages/imprest/test/support.ts";
import { isMissing, namesIn, textOf as conformanceText } from "../conformance/shared.ts";
import type { OpenedPage } from "./support/browser.ts";
import { choose, exported, textOf } from "./support/explorer-page.ts";
import { explorerSite } from "./support/explorer-site.ts";
import { decisionId, event, feedOf, issuer, jwks } from "./support/signed-feed.ts";

const { open } = explorerSite();
let opened: OpenedPage;
let page: Page;
beforeAll(async () => {
  opened = await open();
  ({ page } = opened);
});

interface Asked {
  readonly trust: string;
  readonly keys: string;
  readonly anyOrder?: boolean | undefined;
  readonly grace?: string | undefined;
  readonly promised?: string | undefined;
}

/** What the page exports after verifying a feed. */
async function reportOfPage(feed: string, { trust, keys, anyOrder, grace, promised }: Asked): Promise<string> {
  await page.reload();
  const more = promised === undefined ? [] : [{ name: "promised.ndjson", bytes: promised }];
  await choose(page, { name: "feed.ndjson", bytes: feed }, { name: "keys.json", bytes: keys }, ...more);
  const other = page.getByRole("textbox", { name: /^Another (origin|server_id)$/ });
  await other.fill(trust);
  await other.press("Enter");
  if (anyOrder === true) await page.getByRole("combobox", { name: "Order of the lines" }).selectOption("any");
  if (grace !== undefined) await page.getByRole("textbox", { name: /^Grace window/ }).fill(grace);
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await page.locator(".headline, .notice.bad").first().waitFor();
  return await exported(page);
}

/** What the command writes for the same. */
async function reportOfCommand(
  feed: string,
  { trust, keys, anyOrder, grace, promised }: Asked,
  form: "asp" | "evidence" = "asp",
): Promise<string> {
  const whom =
    form === "asp"
      ? ["verify", "feed", "--trust", trust, "--jwks", "keys"]
      : ["evidence", "feed", "--jwks", `${trust}=keys`];
  const more = [
    ...(anyOrder === true ? ["--any-order"] : []),
    ...(grace === undefined ? [] : ["--grace", grace]),
    ...(promised === undefined ? [] : ["--promised", "promised"]),
  ];
  const ran = await imprest([...whom, ...more, "--format", "json"], {
    files: { feed, keys, promised: promised ?? "" },
  });
  expect(ran.code, ran.err).toBeLessThan(2);
  return ran.out;
}

/** The published set of a signer that names itself by its key. */
function evidenceKeys(signer = ""): string {
  return JSON.stringify({ keys: [evidenceJwk(Buffer.from(signer, "hex"), "k1", { notBeforeMs: 0 })] });
}

describe.skipIf(isMissing)("over the published vectors, the page's report is the command's, byte for byte", () => {
  interface Vector {
    readonly event?: object;
    readonly raw?: string;
    readonly signature_b64url?: string;
  }
  const vectors = isMissing ? {} : (JSON.parse(conformanceText("asp/signed-events.json")) as Record<string, Vector[]>);
  const lineOf = ({ event: signed, raw, signature_b64url: aspsignature }: Vector): string =>
    raw ?? JSON.stringify({ ...signed, aspsignature });
  const lines = ["valid", "invalid", "rawInvalid"].flatMap((name) => (vectors[name] ?? []).map(lineOf));
  const asked = { trust: "https://authority.example", keys: JSON.stringify(vectors["jwks"]) };

  it("as they stand", async () => {
    const feed = lines.join("\n");
    const report = await reportOfPage(feed, asked);
    expect(report).toBe(await reportOfCommand(feed, asked));
    expect(report.trim().split("\n")).toHaveLength(lines.length + 1);
  });

  it("in any order, repeated, cut and damaged", async () => {
    const damaged = fc
      .tuple(fc.constantFrom(...lines), fc.nat(), fc.constantFrom('"', "9", "}", "\u0000", "é"))
      .map(([line, at, mark]) => line.slice(0, at % line.length) + mark + line.slice((at % line.length) + 1));
    const line = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...lines) },
      damaged,
      fc.constantFrom("", "{}", "[1", "NaN"),
    );
    // The first line says what the file is: to the command it is said by its name.
    const feeds = fc.array(line, { maxLength: 30 }).map((more) => [lines[0], ...more].join("\n"));
    const ways = fc.record({
      anyOrder: fc.boolean(),
      grace: fc.option(fc.constantFrom("0", "30000"), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(feeds, ways, async (feed, way) => {
        const given = { ...asked, ...way };
        expect(await reportOfPage(feed, given)).toBe(await reportOfCommand(feed, given));
      }),
      { numRuns: 12 },
    );
  });

  it("and over the evidence envelopes", async () => {
    const envelopes = namesIn("cycles/evidence/").map((name) => conformanceText(`cycles/evidence/${name}`).trim());
    const { server_id: trust, signer_did: signer } = JSON.parse(envelopes[0] ?? "") as Record<string, string>;
    const keys = evidenceKeys(signer);
    const altered = envelopes[4]?.replace("1750000", "1750001") ?? "";
    const feed = [...envelopes, altered, "{}"].join("\n");
    const given = { trust: trust ?? "", keys };
    expect(await reportOfPage(feed, given)).toBe(await reportOfCommand(feed, given, "evidence"));
    expect(await textOf(page, ".headline h2")).toBe(`2 lines of ${envelopes.length + 2} not accepted`);
  });

  it("and an AP2 receipt is as good as the evidence in it", async () => {
    const envelope = conformanceText("cycles/evidence/05-commit-success.json").trim();
    const { evidence_id, server_id: trust = "", signer_did = "" } = JSON.parse(envelope) as Record<string, string>;
    const evidence = { evidence_id, envelope };
    const receipt = {
      schema: "runtime_authority.ap2.payment.v1",
      reservation_id: "rsv_01HZZ8N4F8FBQX5K6TGYR0M0A3",
      ap2_transaction_id: "tx_1",
      amount_unit: "USD_MICROCENTS",
      amount_micros: 1_750_000,
      committed: true,
      evidence,
    };
    const feed = [receipt, { ...receipt, amount_micros: 1_750_001 }, { ...receipt, evidence: undefined }];
    const keys = evidenceKeys(signer_did);
    const report = await reportOfPage(feed.map((one) => JSON.stringify(one)).join("\n"), { trust, keys });
    const [good, other, bare] = report
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(good).toMatchObject({ accepted: true, disposition: "authentic" });
    expect(other).toMatchObject({ accepted: false, findings: [{ code: "other_amount" }] });
    expect(bare).toMatchObject({ accepted: false, findings: [{ code: "no_evidence" }] });
  });
});

describe("over a feed with promised events, the page's report is the command's", () => {
  const asked = { trust: issuer, keys: JSON.stringify(jwks) };

  it("where each came, where one did not, and where the feed was cut", async () => {
    const lines = await feedOf(12);
    const promised = lines
      .map(
        (line) =>
          JSON.parse(line) as { readonly aspsignature: string; readonly data: { readonly reservation_id?: string } },
      )
      .flatMap(({ aspsignature: signature, data }) =>
        data.reservation_id === undefined
          ? []
          : [
              JSON.stringify({
                verb: "commit",
                reservationId: data.reservation_id,
                idempotencyKey: "k",
                amountAtomic: "700",
                signature,
              }),
            ],
      )
      .join("\n");
    for (const feed of [lines, lines.slice(0, 9), lines.toSpliced(3, 1)]) {
      const given = { ...asked, promised, grace: "30000" };
      expect(await reportOfPage(feed.join("\n"), given)).toBe(await reportOfCommand(feed.join("\n"), given));
    }
  });

  it("in capitals and small letters a decision is one", async () => {
    const [reserve = ""] = await feedOf(2);
    const commit = { amount_atomic_observed: "1000", exact_match: true, decision_id: decisionId(0).toUpperCase() };
    const feed = [reserve, await event(0, 2, "commit", commit)].join("\n");
    expect(await reportOfPage(feed, asked)).toBe(await reportOfCommand(feed, asked));
    await page.locator("#find").fill(decisionId(0).toUpperCase());
    await page.keyboard.press("Enter");
    await page.locator(".timeline").waitFor();
    expect(await page.locator(".timeline > li").count()).toBe(2);
  });
});
