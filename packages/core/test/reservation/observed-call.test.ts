import { openReservation, withReservation } from "@imprest/core";
import { fakeAuthority } from "@imprest/testing";
import { expect, it } from "vitest";
import { cents, request } from "./fixtures.ts";

const subject = { tenant: "acme", agent: "writer" };

it("an observer's events are enough to draw a span: who, what, from when, how long, within what", async () => {
  const authority = fakeAuthority();
  const parent = await openReservation(authority, { ...request, estimate: cents(9) });
  const startedAtMs = authority.clock.now();
  await withReservation(
    authority,
    { ...request, subject },
    async (reservation) => {
      await authority.clock.advance(1_500);
      reservation.spend(cents(1), { inputTokens: 3, modelVersion: "m-1" });
    },
    { parent },
  );
  expect(authority.named("decision").at(-1)).toMatchObject({ action: request.action, subject });
  expect(authority.named("settlement")).toMatchObject([
    {
      settlement: { status: "committed" },
      call: {
        action: request.action,
        subject,
        metrics: { inputTokens: 3, modelVersion: "m-1" },
        startedAtMs,
        durationMs: 1_500,
        parentReservationId: parent.id,
      },
    },
  ]);
});
