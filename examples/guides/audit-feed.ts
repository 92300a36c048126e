// docs/guides/audit-feed.md: verify what an authority signed, offline, and find out what is missing.
import assert from "node:assert/strict";
import { AspAuthority, AspClient, type PromisedEvent } from "@imprest/asp";
import { usd, withReservation } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";

const issuer = "https://authority.example";
const embedded = createEmbeddedAuthority({
  asp: { issuer, signingKey: { kid: "k1", privateKey: new Uint8Array(32).fill(7) } },
});
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1.00") });
const { key: apiKey } = await embedded.apiKeys.create({ tenant: "acme" });
const transport = async ({
  method,
  url,
  headers,
  body,
}: {
  method: string;
  url: string;
  headers: Readonly<Record<string, string>>;
  body?: string | undefined;
}) => {
  const response = await embedded.handler(new Request(url, { method, headers, ...(body !== undefined && { body }) }));
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
};

// #region promised
const promised: PromisedEvent[] = []; // what each answer promised: keep it where the authority cannot reach
const client = new AspClient({ baseUrl: issuer, apiKey, transport, onPromisedEvent: (event) => promised.push(event) });
const authority = new AspAuthority(client, { budget: { budgetId: "tenant:acme", windowInstanceId: "2026-11" } });
// #endregion

for (let calls = 0; calls < 3; calls += 1) {
  const request = { estimate: usd("0.02"), action: { kind: "llm.completion" } };
  await withReservation(authority, request, () => "an answer", { spend: () => usd("0.01") });
}
const published = await embedded.handler(new Request(`${issuer}/.well-known/asp-jwks.json`));
const jwks = (await published.json()) as object;

// #region read
let since = 0; // keep it: the next reading goes on from here
let feed = "";
for await (const { number, line } of client.events({ since })) {
  feed += `${line}\n`;
  since = number;
}
// #endregion

// #region verify
import { createAuditTrust, verifyAuditFeed } from "@imprest/asp/audit";

async function audit(lines: string): Promise<string[]> {
  const trust = createAuditTrust({ origins: [issuer], jwks: { [issuer]: jwks } }); // whom to believe is yours to say
  const source = (async function* () {
    yield new TextEncoder().encode(lines);
  })();
  const problems: string[] = [];
  const reports = verifyAuditFeed(source, { trust, promised });
  let next = await reports.next();
  for (; !next.done; next = await reports.next()) {
    const { lineNumber, report, lifecycle } = next.value;
    if (report.disposition !== "authentic") problems.push(`line ${lineNumber}: ${report.disposition}`);
    for (const { code } of lifecycle) problems.push(`line ${lineNumber}: ${code}`);
  }
  return [...problems, ...next.value.findings.map(({ code }) => code)];
}
console.log(await audit(feed)); // []
// #endregion

assert.deepEqual(await audit(feed), []);
assert.equal(promised.length, 6);
assert.equal(since, 6);

// #region tampered
const lines = feed.trimEnd().split("\n");
console.log(await audit(lines.toSpliced(3, 1).join("\n"))); // a commit that was promised is not there
console.log(await audit(feed.replace('"1000000"', '"9000000"'))); // an amount that nobody signed
// #endregion

assert.notDeepEqual(await audit(lines.toSpliced(3, 1).join("\n")), []);
assert.match((await audit(feed.replace('"1000000"', '"9000000"')))[0] ?? "", /signature_invalid/);
await embedded.close();
