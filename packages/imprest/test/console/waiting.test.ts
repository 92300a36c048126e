import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tokens, withReservation } from "@imprest/core";
import { logRecordStore } from "@imprest/core/node";
import { CyclesClient } from "@imprest/cycles";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";
import { CyclesAuthority } from "@imprest/cycles";
import { createManualClock } from "@imprest/testing";
import { expect, it, onTestFinished, vi } from "vitest";
import { WaitingStores } from "../../src/cli/console/waiting-stores.ts";
import type { WaitingList } from "../../src/pages/console-wire.ts";
import { FakeSource, openedConsole } from "./support.ts";

const apiKey = "imp_test_key_0123456789abcdef";
const work = { estimate: tokens(30), action: { kind: "llm.completion", name: "gpt-5" } };

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "imprest-waiting-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

it("shows a settlement whose server is gone, and a spend of which nobody knows what it cost", async () => {
  const dir = join(await folder(), "records");
  const embedded = createEmbeddedAuthority();
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(1_000) });
  await embedded.apiKeys.create({ tenant: "acme", key: apiKey });
  const server = await serve(embedded, { port: 0 });
  onTestFinished(() => embedded.close());
  const records = logRecordStore({ dir });
  const client = new CyclesClient({ baseUrl: server.url, apiKey, subject: { tenant: "acme" } });
  const authority = new CyclesAuthority(client, { records });
  await expect(withReservation(authority, work, () => "cost unknown")).rejects.toThrow();
  await withReservation(authority, work, async (reservation) => {
    await server.close();
    reservation.spend(tokens(20));
  });
  const browsing = await openedConsole({ source: new FakeSource(), records: [dir, "/nowhere/at/all"] });
  const list = await vi.waitFor(async () => {
    const found = await browsing.json<WaitingList>("api/waiting");
    expect(found.rows).toHaveLength(2);
    return found;
  });
  expect(list.rows).toMatchObject([
    {
      state: "dead-letter",
      protocol: "cycles",
      store: dir,
      amount: { amount: "30" },
      error: { code: "spend-unknown" },
    },
    { state: "pending", protocol: "cycles", store: dir, amount: { amount: "20", unit: "TOKENS" } },
  ]);
  expect(list.failures).toMatchObject([{ store: "/nowhere/at/all" }]);
  expect(JSON.stringify(list)).not.toContain(apiKey);
  await records.close?.();
}, 30_000);

it("calls back when the list changes, and at no other time", async () => {
  const dir = join(await folder(), "records");
  const records = logRecordStore({ dir });
  await records.create("not a settlement", 1);
  const clock = createManualClock();
  const changed = vi.fn<(list: WaitingList) => void>();
  const stores = new WaitingStores([dir]);
  onTestFinished(stores.follow(clock, changed));
  const letter = {
    kind: "bypass",
    protocol: "cycles",
    reservationId: "r",
    idempotencyKey: "k",
    recordedAtMs: 1,
    reason: "why",
  };
  await vi.waitFor(() => expect(clock.timers).toBe(1));
  expect(changed).not.toHaveBeenCalled();
  await records.create("dead-letter:cycles:t:r:k:bypass", letter);
  await clock.advance(5_000);
  await vi.waitFor(() => expect(changed).toHaveBeenCalledOnce());
  expect(stores.list.rows).toMatchObject([{ reservationId: "r", error: { code: "bypass", message: "why" } }]);
  await vi.waitFor(() => expect(clock.timers).toBe(1));
  await clock.advance(5_000);
  await vi.waitFor(() => expect(clock.timers).toBe(1));
  expect(changed).toHaveBeenCalledOnce();
  await records.close?.();
});

it("shows the 500 that have waited longest of more, wherever they stand in the store", async () => {
  const dir = join(await folder(), "records");
  const records = logRecordStore({ dir });
  const letter = { kind: "bypass", protocol: "cycles", reservationId: "r", idempotencyKey: "k", reason: "why" };
  for (let at = 1_200; at > 0; at -= 1) {
    await records.create(`dead-letter:cycles:t:r:${at}:bypass`, { ...letter, recordedAtMs: at });
  }
  const clock = createManualClock();
  const stores = new WaitingStores([dir]);
  onTestFinished(stores.follow(clock, () => {}));
  await vi.waitFor(() => expect(clock.timers).toBe(1));
  expect(stores.list.isCut).toBe(true);
  expect(stores.list.rows.map(({ sinceMs }) => sinceMs)).toEqual(Array.from({ length: 500 }, (_, at) => at + 1));
  await records.close?.();
});
