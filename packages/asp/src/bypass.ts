import { type SpendAuthority, settlementQueue, systemClock } from "@imprest/core";
import { utf8 } from "@imprest/core/internal";
import { type EventSigner, signAuditEvent } from "@imprest/core/audit";

/** Where the signed events of bypassed calls go. */
export interface BypassOptions {
  /** The caller's own identity: its `source`, type prefix, `kid` and key. No authority has seen the call. */
  readonly signer: EventSigner;
  /** Takes one event as a line of JSON without its line end. What it rejects with is logged. */
  readonly sink: (line: string) => void | Promise<void>;
}

/** Turns the kernel's word of a bypass into a signed event. */
export interface BypassRecorder {
  /**
   * Records what this authority lets pass unreserved.
   * @returns the removal.
   */
  listen(authority: SpendAuthority): void;
}

/** Writes an `audit.bypassed` event for every call that `failOpen` lets run (ASP §3.3, §5). */
export function createBypassRecorder({ signer, sink }: BypassOptions): BypassRecorder {
  return {
    listen(authority) {
      const { clock = systemClock, logger } = authority.environment ?? {};
      settlementQueue(authority).observer.on("bypass", async ({ protocol, idempotencyKey, reason }) => {
        if (protocol !== "asp") return;
        try {
          const data = {
            decision_id: await decisionIdOf(idempotencyKey),
            bypass_reason: "authority_unreachable",
            reason_codes: [reason.slice(0, 256)],
            // Synthesised, as the draft permits: the kernel's name for a reservation that never was.
            reservation_id: `bypass-${idempotencyKey}`,
          };
          await sink(await signAuditEvent("bypassed", data, signer, clock.now()));
        } catch (error) {
          const why = error instanceof Error ? error.message : "unknown";
          logger?.error("asp: a bypass could not be recorded", { idempotencyKey, error: why });
        }
      });
    },
  };
}

/** A UUID (version 8) out of the key, so that a repeated call has the same one (ASP §5 "Stable across retries"). */
async function decisionIdOf(idempotencyKey: string): Promise<string> {
  // Of an array of texts this is the canonical form (RFC 8785 §3.2.2.2), and spares the guard's bundle the verifier.
  const text = utf8(JSON.stringify(["imprest", "bypass", idempotencyKey]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text as Uint8Array<ArrayBuffer>));
  const digits = Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const variant = ((Number.parseInt(digits.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-8${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`;
}
