import { expect, inject, it } from "vitest";
import { expectedSession, runArcpSession } from "../arcp-session.ts";

// Vitest loads this file in a page.

it("an ARCP session goes through a killed socket to its end", async () => {
  expect(await runArcpSession(inject("arcpUrl"))).toEqual(expectedSession);
});
