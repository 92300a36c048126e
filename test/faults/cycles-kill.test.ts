import { describe, expect, it, vi } from "vitest";
import { contentOf } from "../../packages/core/test/records/record-store-contract.ts";
import type { Fault, LedgerServer } from "./support/ledger-server.ts";
import { startLedger } from "./support/setup.ts";
import { recoverWith, startWorker } from "./support/start-worker.ts";
import { type StoreName, openStore } from "./support/stores.ts";

const rounds = 20;

/** A worker is killed at a random moment, with 32 guarded calls in flight and a network that breaks every tenth answer. */
describe.each<StoreName>(["fleet", "file", "log"])("the kill harness with the %s store", (store) => {
  it(`loses no spend that was promised or sent, and books none twice, ${rounds} rounds in a row`, async () => {
    const { ledger, dir } = await startLedger();
    const task = { store, dir, baseUrl: ledger.url, apiKey: "test-key" };
    for (let round = 0; round < rounds; round += 1) {
      const before = ledger.seen.length;
      let served = 0;
      ledger.onRequest = ({ operation }) => {
        served += 1;
        if (served % 10 === 0) ledger.faults[operation].push(breakage(served));
      };
      const worker = startWorker({ ...task, work: "spend-on" });
      const wanted = 20 + Math.floor(Math.random() * 400);
      await vi.waitFor(() => expect(ledger.seen.length - before).toBeGreaterThan(wanted), {
        timeout: 20_000,
        interval: 1,
      });
      await worker.kill();
      ledger.onRequest = () => {};
      for (const pending of Object.values(ledger.faults)) pending.length = 0;

      const told = await recoverWith(task);
      expect(told).toEqual([{ what: "recovered", resumed: expect.any(Number) as number, pending: 0, failures: 0 }]);
      const known = new Set([
        ...worker.told.flatMap((said) => (said.what === "settled" ? [said.reservationId] : [])),
        ...ledger.seen.flatMap(({ operation, reservationId }) => (operation === "commit" ? [reservationId] : [])),
      ]);
      expect(wrong(ledger, known), `round ${round}`).toEqual([]);
      const records = openStore(store, dir, ledger.url);
      expect(await contentOf(records), `round ${round}`).toEqual(new Map());
      await records.close?.();
    }
    expect(ledger.charges.length).toBeGreaterThan(rounds * 5);
  });
});

function breakage(served: number): Fault {
  const kinds = ["reset", "truncated", "reset", "hang"] as const;
  return { kind: kinds[(served / 10) % kinds.length] ?? "reset", acted: served % 20 === 0 };
}

/** The reservations that are not in the books exactly once, with what was spent. */
function wrong(ledger: LedgerServer, known: ReadonlySet<string>): string[] {
  const booked = new Map<string, number[]>();
  for (const { reservationId, amount } of ledger.charges) {
    booked.set(reservationId, [...(booked.get(reservationId) ?? []), amount]);
  }
  return [...new Set([...known, ...booked.keys()])].filter((id) => booked.get(id)?.join() !== "7");
}
