import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AspClient } from "@imprest/asp";
import {
  type FocusColumn,
  type FocusRow,
  applicableFocusColumns,
  createAuditTrust,
  createFocusExporter,
  focusColumns,
  focusCsvLine,
  signAuditEvent,
  verifyAuditEvent,
} from "@imprest/asp/audit";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { createManualClock } from "@imprest/testing";
import { beforeAll, describe, expect, it } from "vitest";

// FOCUS rows of a real authority's feed before `focus-validator`, the program of the FinOps Foundation, with its rules for 1.0.

/** `multimethod` is pinned because the validator's own dependency no longer loads with a newer one. */
const requirements = ["focus-validator==1.0.0", "multimethod==1.10"];
const folder = join(tmpdir(), "imprest-peers-focus-validator-1.0.0");
const python = join(folder, "bin", "python3");

/** Installs the validator into a folder of this machine that is kept between runs. @returns why it cannot be. */
function install(): string | undefined {
  const mark = join(folder, "installed");
  if (existsSync(mark)) return undefined;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (spawnSync("python3", ["-m", "venv", folder]).status !== 0) return "there is no python3 with venv";
  execFileSync(python, ["-m", "pip", "install", "--quiet", ...requirements], { stdio: "inherit" });
  writeFileSync(mark, "");
  return undefined;
}

/**
 * Columns that the validator looks for by their names of 1.0-preview. Its rule of SkuPriceId asks for one of them,
 * `ChargeType`, which is given as a column more.
 */
const previewNames: Readonly<Partial<Record<FocusColumn, string>>> = {
  InvoiceIssuerName: "InvoiceIssuer",
  ProviderName: "Provider",
  PublisherName: "Publisher",
  ResourceId: "ResourceID",
};

function broken(
  rows: readonly FocusRow[],
  columns: readonly FocusColumn[],
): { readonly rules: number; readonly failed: string[] } {
  const header = [...columns.map((column) => previewNames[column] ?? column), "ChargeType"].join(",");
  const lines = rows.map((row) => `${focusCsvLine(row, columns)},${row.ChargeCategory}`);
  const [file, report] = [join(folder, "rows.csv"), join(folder, "report.xml")];
  writeFileSync(file, `${[header, ...lines].join("\r\n")}\r\n`);
  const args = [
    "--data-file",
    file,
    "--validate-version",
    "1.0",
    "--output-type",
    "unittest",
    "--output-destination",
    report,
  ];
  // Its table of currencies is found from the folder that its package is in, alone.
  const packages = execFileSync(python, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], {
    encoding: "utf8",
  });
  execFileSync(join(folder, "bin", "focus-validator"), args, { cwd: packages.trim() });
  const xml = readFileSync(report, "utf8");
  return {
    rules: Number(/ tests="(\d+)"/.exec(xml)?.[1]),
    failed: Array.from(xml.matchAll(/<failure name="([^"]+)"/g), ([, name = ""]) => name),
  };
}

/** Settlements in money and in tokens, with a credit and a correction: a row of every kind. */
async function rowsOfAnAuthority(): Promise<FocusRow[]> {
  const issuer = "https://authority.example";
  const key = { kid: "k1", privateKey: new Uint8Array(32).fill(7) };
  const clock = createManualClock(Date.parse("2026-06-10T12:00:00.123Z"));
  const embedded = createEmbeddedAuthority({ clock, asp: { issuer, signingKey: key } });
  for (const unit of ["USD_MICROCENTS", "TOKENS"]) {
    await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: { unit, amount: 10_000_000n } });
  }
  const { key: apiKey } = await embedded.apiKeys.create({ tenant: "acme" });
  const get = (path: string): Promise<Response> =>
    embedded.handler(new Request(issuer + path, { headers: { authorization: `Bearer ${apiKey}` } }));
  const client = new AspClient({
    baseUrl: issuer,
    apiKey,
    clock,
    async transport({ method, url, headers, body }) {
      const answer = await embedded.handler(new Request(url, { method, headers, ...(body !== undefined && { body }) }));
      return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
    },
  });
  for (const [at, unit] of ["USD_MICROCENTS", "TOKENS", "USD_MICROCENTS", "TOKENS"].entries()) {
    const claim = { budgetId: "tenant:acme", unit, amountAtomic: 1_234_567n };
    const runtimeMetadata = at < 2 ? { model: "large" } : undefined;
    const { reservationId = "" } = await client.reserve({ claim, runtimeMetadata, idempotencyKey: `r${at}` });
    await clock.advance(1_500);
    await client.commit({ reservationId, amountAtomicObserved: at === 2 ? 0n : 1_000_001n, idempotencyKey: `c${at}` });
  }
  const lines = (await (await get("/asp/events?cursor=0")).text()).trimEnd().split("\n");
  const committed = lines.map(
    (line) => JSON.parse(line) as { readonly type: string; readonly data: Record<string, string> },
  );
  const signer = { source: `${issuer}/asp/acme`, typePrefix: "imprest", ...key };
  for (const { type, data } of committed.filter(({ data }) => data["amount_atomic_observed"] === "1000001")) {
    expect(type).toBe("imprest.audit.commit");
    for (const atMs of [clock.now(), clock.now() + 31 * 86_400_000]) {
      const { decision_id = "", reservation_id = "" } = data;
      const refund = { decision_id, reservation_id, amount_atomic_refunded: "17", original_commit_event_id: "c" };
      lines.push(await signAuditEvent("refund", refund, signer, atMs));
    }
  }
  const trust = createAuditTrust({
    origins: [issuer],
    jwks: { [issuer]: await (await get("/.well-known/asp-jwks.json")).json() },
  });
  const exporter = createFocusExporter({
    billingAccountId: "acme",
    providerName: "Acme, Inc.",
    priceOf: () => ({ currency: "USD", price: "0.0000015" }),
  });
  const rows: FocusRow[] = [];
  for (const line of lines) {
    const { event } = await verifyAuditEvent(line, { trust });
    if (event !== undefined) rows.push(...exporter.add(event).rows);
  }
  expect(exporter.finish()).toEqual([]);
  await embedded.close();
  return rows;
}

const missing = install();

describe.skipIf(missing !== undefined)(`FOCUS rows${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let rows: FocusRow[] = [];
  beforeAll(async () => {
    rows = await rowsOfAnAuthority();
  });

  it("breaks none of the rules of focus-validator for FOCUS 1.0", () => {
    expect(rows).toHaveLength(10);
    expect(broken(rows, focusColumns)).toEqual({ rules: 133, failed: [] });
  });

  it("is held to them: a row without its currency or its price id breaks two", () => {
    const [row] = rows as [FocusRow];
    const bad = { ...row, BillingCurrency: "dollars", SkuPriceId: null };
    expect(broken([...rows, bad], focusColumns).failed.toSorted()).toEqual([
      "BillingCurrency_IsCurrencyCode",
      "SkuPriceId_Nullable",
    ]);
  });

  it("lacks, without the columns that spend has no value for, what the validator wants of every provider", () => {
    const { failed } = broken(rows, applicableFocusColumns);
    const left = focusColumns.filter((column) => !applicableFocusColumns.includes(column));
    const required = left.filter((column) => column !== "AvailabilityZone");
    expect(failed.toSorted()).toEqual(
      required.map((column) => `${previewNames[column] ?? column}_Required`).toSorted(),
    );
  });
});
