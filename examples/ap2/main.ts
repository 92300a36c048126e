// `npm run demo -- ap2`: purchases while the user is away, from signed AP2 mandates, through the real `stripe` package
// against a local stand-in. Charge, replay refused, crash, recovery, receipt verified; exits 1 when the books do not
// agree. DRY_RUN=1 only asks what the authority would say.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatAmount, usdMicrocents } from "@imprest/core";
import { createRemoteKeySet } from "@imprest/core/audit";
import { AP2AlreadyConsumed, AP2DryRunResult, type AP2Mandate, paymentAuthority, recover } from "@imprest/ap2";
import { embedEvidence, verifyMandate, verifyReceipt } from "@imprest/ap2/verify";
import { type AuthorityServer, startAuthority } from "./authority-server.ts";
import { type Places, type Worker, createWorker, lookupCharge, purchase } from "./purchase.ts";
import { StripeServer } from "./stripe-server.ts";
import { giveConsent } from "./tokens.ts";

/** Runs the story. @returns whether everything added up. */
async function runAp2Story(): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), "imprest-ap2-demo-"));
  const [authority, stripe] = await Promise.all([startAuthority(), new StripeServer().listen()]);
  const places: Places = {
    authorityUrl: authority.url,
    apiKey: authority.apiKey,
    stripePort: stripe.port,
    recordsFile: join(directory, "records.sqlite"),
  };
  const worker = createWorker(places);
  try {
    return process.env["DRY_RUN"] === "1" ? await dryRun(worker) : await story(worker, places, authority, stripe);
  } finally {
    await paymentAuthority(worker.authority).idle();
    await worker.records.close?.();
    stripe.close();
    await authority.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function story(
  worker: Worker,
  places: Places,
  authority: AuthorityServer,
  stripe: StripeServer,
): Promise<boolean> {
  const mandate = await signedMandate("order-1", 19_900);

  const { value, settlement } = await purchase(worker, mandate);
  const { receipt, reservationId } = settlement;
  console.log(`charged    ${value} for $${mandate.amountValue}, committed as ${reservationId}`);

  const replay = await purchase(worker, mandate).catch((error: unknown) => error);
  const refused = AP2AlreadyConsumed.isInstance(replay);
  console.log(`replay     ${refused ? "refused" : "NOT REFUSED"}: ${replay instanceof Error ? replay.message : ""}`);

  const other = await signedMandate("order-2", 4_999);
  const signal = await crash(places, other);
  console.log(`crash      a worker was ended by ${signal} between the charge and the commit`);

  const lookup = { lookupCharge: lookupCharge.bind(undefined, worker.stripe), abandonedAfterMs: 0 };
  const { settled } = await recover(worker.authority, lookup);
  console.log(`recovery   ${settled} payment settled by what the PSP says`);
  const again = await purchase(worker, other).catch((error: unknown) => error);
  console.log(
    `           and the job's second run is ${AP2AlreadyConsumed.isInstance(again) ? "refused" : "NOT REFUSED"}`,
  );

  const disposition = receipt && (await verified(receipt, authority));
  console.log(`receipt    ${disposition}: signed by the authority, for this payment`);

  const charged = usdMicrocents(stripe.charged.reduce((sum, cents) => sum + BigInt(cents) * 1_000_000n, 0n));
  const booked = usdMicrocents(await authority.spent());
  const held = await authority.reserved();
  console.log(
    `books      PSP ${formatAmount(charged)} in ${stripe.charged.length} charges, ledger ${formatAmount(booked)}`,
  );
  const isOnce = refused && AP2AlreadyConsumed.isInstance(again) && stripe.charged.length === 2;
  return isOnce && settled === 1 && disposition === "authentic" && charged.amount === booked.amount && held === 0n;
}

/** A purchase that the user consented to beforehand: verified, then read. */
async function signedMandate(transactionId: string, cents: number): Promise<AP2Mandate> {
  const consent = await giveConsent();
  const report = await verifyMandate(await consent.close(transactionId, cents), { issuerKeys: [consent.issuerKey] });
  console.log(`mandate    ${report.disposition}: ${transactionId}, signed by the agent under the user's open mandate`);
  if (report.mandate === undefined) throw new Error("The mandate does not verify.");
  return report.mandate;
}

async function dryRun(worker: Worker): Promise<boolean> {
  const answer = await purchase(worker, await signedMandate("order-1", 19_900), { dryRun: true }).catch(
    (error: unknown) => error,
  );
  if (!AP2DryRunResult.isInstance(answer)) throw answer;
  console.log(`dry run    the authority would answer ${answer.decision}; nothing was reserved, nothing charged`);
  return answer.decision === "ALLOW";
}

async function crash(places: Places, mandate: AP2Mandate): Promise<string> {
  const program = fileURLToPath(new URL("crashing-worker.ts", import.meta.url));
  const options = ["--conditions=@imprest/source", "--disable-warning=ExperimentalWarning", program];
  const child = spawn(process.execPath, [...options, JSON.stringify(places), JSON.stringify(mandate)], {
    stdio: "inherit",
  });
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  return signal ?? "nothing";
}

async function verified(receipt: Parameters<typeof embedEvidence>[0], authority: AuthorityServer): Promise<string> {
  const trust = { trustedOrigins: [authority.url], allowLoopbackHttp: true };
  const complete = await embedEvidence(receipt, trust);
  const keys = createRemoteKeySet(trust);
  const { disposition, findings } = await verifyReceipt(complete, { keys });
  return findings.length === 0 ? disposition : findings.map(({ message }) => message).join(" ");
}

process.exitCode = (await runAp2Story()) ? 0 : 1;
