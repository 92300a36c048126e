// What the pictures of `tools/screenshots.mjs` show besides the demo: settlements that wait, and a feed that was tampered with.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { AspAuthority, AspClient } from "@imprest/asp";
import { ConnectionError, ValidationError, settlementQueue, usd, withReservation } from "@imprest/core";
import { logRecordStore } from "@imprest/core/node";
import { createManualClock, fakeAuthority, openTestAuthority } from "@imprest/testing";

/** A log store with one settlement that has no answer, and a dead letter. @returns its folder. */
export async function writeRecords(dir) {
  const records = logRecordStore({ dir });
  const refused = new ValidationError("commit", [{ pointer: "/actual/amount", message: "is above the reserve" }]);
  const answers = [() => ({ rejected: refused }), () => ({ retry: new ConnectionError("the connection was reset") })];
  const authority = fakeAuthority({ environment: { records }, settle: answers });
  for (const cost of ["0.31", "0.07"]) {
    const request = { estimate: usd("0.10"), action: { kind: "llm.completion", name: "demo-large" } };
    await withReservation(authority, request, () => "an answer", { spend: () => usd(cost) }).catch(() => {});
  }
  await settlementQueue(authority).close({ timeoutMs: 0 });
  await records.close();
  return dir;
}

/** A feed of some calls, of which one amount was changed and one event removed. */
export async function writeFeed(folder) {
  // Of the last hour: what is dated ahead would be a finding.
  const clock = createManualClock(Date.now() - 3_600_000);
  const test = await openTestAuthority({ limit: "$5.00", tenant: "acme", clock });
  const { baseUrl: issuer } = test.connection;
  const authority = new AspAuthority(new AspClient(test.connection), {
    budget: { budgetId: "tenant:acme", windowInstanceId: "2026-11" },
  });
  for (let call = 1; call <= 12; call += 1) {
    const request = { estimate: usd("0.20"), action: { kind: "llm.completion", name: "demo-large" } };
    await withReservation(authority, request, () => "an answer", { spend: () => usd(`0.${10 + (call % 9)}`) });
    await test.clock.advance(90_000);
  }
  const lines = [];
  for await (const line of test.embedded.audit.events()) lines.push(line);
  const published = await test.embedded.handler(new Request(`${issuer}/.well-known/asp-jwks.json`));
  const [feed, jwks] = [join(folder, "feed.ndjson"), join(folder, "jwks.json")];
  writeFileSync(jwks, await published.text());
  lines[7] = lines[7].replace(/"amount_atomic_observed":"\d+"/, '"amount_atomic_observed":"99000000"');
  writeFileSync(feed, `${lines.toSpliced(14, 1).join("\n")}\n`);
  await test.close();
  return { feed, jwks, issuer };
}
