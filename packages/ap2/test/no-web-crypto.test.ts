import { idempotencyKey, withReservation } from "@imprest/ap2";
import { ConfigurationError } from "@imprest/core";
import { afterEach, expect, it, vi } from "vitest";
import { createHarness, makeMandate, makeTerms } from "./support/harness.ts";

// A page that was not served over HTTPS has `crypto` without `subtle`: no key can be derived, so nothing is paid.

afterEach(() => {
  vi.unstubAllGlobals();
});

it("without WebCrypto a payment is refused before anything is sent, claimed or charged", async () => {
  const { authority, cycles, records } = createHarness();
  const body = vi.fn();
  vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) });
  await expect(withReservation(authority, makeTerms(), body)).rejects.toThrow(ConfigurationError);
  await expect(idempotencyKey(makeMandate(), "reserve")).rejects.toThrow(/over HTTPS/);
  expect(body).not.toHaveBeenCalled();
  expect(cycles.seen).toEqual([]);
  for await (const { key } of records.scan("")) expect.fail(`${key} was written`);
});
