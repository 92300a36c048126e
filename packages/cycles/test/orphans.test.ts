import { describe, expect, it } from "vitest";
import { AuthorityUnreachableError, usd } from "@imprest/core";
import { CyclesClient, releaseOrphan, withReservation } from "@imprest/cycles";
import { type Answer, money, refusal, startStub } from "./support/stub-authority.ts";

const row = (id: string, status: string, idempotency_key: string | undefined): object => ({
  reservation_id: id,
  status,
  subject: { tenant: "acme" },
  action: { kind: "k", name: "n" },
  reserved: money,
  created_at_ms: 1,
  expires_at_ms: 2,
  scope_path: "tenant:acme",
  affected_scopes: [],
  idempotency_key,
});
const isRelease = (path: string): boolean => path.endsWith("/release");
const clientAt = (baseUrl: string): CyclesClient => new CyclesClient({ baseUrl, apiKey: "test-key" });

describe("releaseOrphan", () => {
  it("finds the reservation whose answer was lost, by the key that the error carries, and releases it", async () => {
    const stub = await startStub(({ method, path }): Answer => {
      if (method === "GET") return { body: { reservations: [row("rsv_1", "ACTIVE", "job-7")] } };
      return isRelease(path) ? { body: { status: "RELEASED", released: money } } : (response) => response.destroy();
    });
    const client = clientAt(stub.url);
    const request = { estimate: usd("0.01"), action: { kind: "k" }, subject: { tenant: "acme" } };
    const lost: unknown = await withReservation(client, request, () => 1, { idempotencyKey: "job-7" }).catch(
      (error: unknown) => error,
    );
    if (!AuthorityUnreachableError.isInstance(lost)) throw lost;
    const { released, over } = await releaseOrphan(client, lost.idempotencyKey);
    expect(released.map(({ reservation_id: id }) => id)).toEqual(["rsv_1"]);
    expect(over).toEqual([]);
    expect(stub.received.slice(2).map(({ path }) => path)).toEqual([
      "/v1/reservations?idempotency_key=job-7",
      "/v1/reservations/rsv_1/release",
    ]);
  });

  it("touches no row of another key: a server may not know the filter", async () => {
    const rows = [row("a", "ACTIVE", "other"), row("b", "ACTIVE", undefined), row("c", "COMMITTED", "job-7")];
    const stub = await startStub(() => ({ body: { reservations: rows } }));
    const { released, over } = await releaseOrphan(clientAt(stub.url), "job-7");
    expect(released).toEqual([]);
    expect(over.map(({ reservation_id: id }) => id)).toEqual(["c"]);
    expect(stub.received).toHaveLength(1);
  });

  it("one that is over in between counts as over; any other refusal is thrown", async () => {
    const reservations = [row("rsv_1", "ACTIVE", "job-7")];
    for (const [answer, isOver] of [
      [{ status: 410 }, true],
      [refusal(409, "RESERVATION_FINALIZED"), true],
      [refusal(403, "FORBIDDEN"), false],
    ] as const) {
      const stub = await startStub(({ method }) => (method === "GET" ? { body: { reservations } } : answer));
      const sweeping = releaseOrphan(clientAt(stub.url), "job-7");
      if (isOver) expect(await sweeping).toMatchObject({ released: [], over: [{ reservation_id: "rsv_1" }] });
      else await expect(sweeping).rejects.toMatchObject({ errorCode: "FORBIDDEN" });
    }
  });
});
