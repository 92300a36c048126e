import { parseHex } from "@imprest/core/internal";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isMissing, textOf } from "./shared.ts";

// Imported keys are remembered, so each test has a module of its own.
beforeEach(() => {
  vi.resetModules();
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function verdicts(): Promise<string> {
  const { verifyEd25519 } = await import("@imprest/core/audit");
  const cases: { message: string; pub_key: string; signature: string }[] = JSON.parse(
    textOf("ed25519/speccheck-cases.json"),
  );
  const bytes = (text: string): Uint8Array => parseHex(text) ?? new Uint8Array();
  const accepted = await Promise.all(
    cases.map(({ message, pub_key, signature }) => verifyEd25519(bytes(pub_key), bytes(message), bytes(signature))),
  );
  return accepted.map(Number).join("");
}

describe.skipIf(isMissing)("the twelve edge cases of ed25519-speccheck", () => {
  it("have the one verdict with WebCrypto", async () => {
    const verify = vi.spyOn(crypto.subtle, "verify");
    expect(await verdicts()).toBe("000100000000");
    expect(verify).toHaveBeenCalled();
  });

  it("have the one verdict with the fallback", async () => {
    const verify = vi.spyOn(crypto.subtle, "verify");
    vi.spyOn(crypto.subtle, "importKey").mockRejectedValue(new DOMException("no Ed25519", "NotSupportedError"));
    expect(await verdicts()).toBe("000100000000");
    expect(verify).not.toHaveBeenCalled();
  });
});
