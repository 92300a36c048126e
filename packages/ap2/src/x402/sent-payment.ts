import { parseJson, stringifyJson } from "@imprest/core/internal";
import { sha256Hex } from "../sha256.ts";
import type { ChargeLookup, LookupCharge } from "../psp-outcome.ts";
import { type X402Payload, type X402Requirements, atomicOf } from "./requirements.ts";

/** A payment that was signed and sent, as the ledger keeps it: by this the chain is asked what became of it. */
export interface X402Sent {
  readonly network: string;
  readonly asset: string;
  /** Which contract keeps the nonce: the token itself (EIP-3009 `authorizationState`), or Permit2; absent for another form. */
  readonly method?: "eip3009" | "permit2" | undefined;
  /** Whose nonce it is. */
  readonly payer?: string | undefined;
  /** Of the authorization; of a payload without one, the SHA-256 of the payload in hex. */
  readonly nonce: string;
  /** Unix time in seconds from which on the chain refuses the authorization. */
  readonly validBefore?: string | undefined;
  /** What was signed, in microcents. */
  readonly microcents: bigint;
  /** The hash on the chain, when the server sent it before the settlement was confirmed. */
  readonly transaction?: string | undefined;
}

/** What the chain says of a payment, of one block. */
export interface X402Use {
  /** The nonce was used, or the transaction is final. */
  readonly used: boolean;
  /** Unix time in seconds of the block that was read: the chain's time, which no clock of this machine changes. */
  readonly blockSeconds: bigint;
  /** The transaction that used it, when it is known. */
  readonly transaction?: string | undefined;
  /** What was settled in microcents, where that may be less than what was signed. */
  readonly microcents?: bigint | undefined;
}

/** What an authorization has that its contract is asked by. */
interface Authorization {
  readonly from?: unknown;
  readonly nonce?: unknown;
  readonly value?: unknown;
  readonly validBefore?: unknown;
  readonly deadline?: unknown;
}

function authorizationOf({ payload }: X402Payload): Authorization & Pick<X402Sent, "method"> {
  const { authorization, permit2Authorization } = (payload ?? {}) as {
    readonly authorization?: Authorization;
    readonly permit2Authorization?: Authorization;
  };
  if (authorization) return { ...authorization, method: "eip3009" };
  return permit2Authorization ? { ...permit2Authorization, method: "permit2" } : {};
}

/** Atomic units that a payload was signed for, where it says so. */
export function signedFor(payload: X402Payload): bigint | undefined {
  return atomicOf(authorizationOf(payload).value);
}

/** What the ledger keeps of a payload. */
export async function sentOf(
  payload: X402Payload,
  { network, asset }: X402Requirements,
  microcents: bigint,
): Promise<X402Sent> {
  const { method, from, nonce, validBefore = undefined, deadline = validBefore } = authorizationOf(payload);
  const until = atomicOf(deadline)?.toString();
  const hasNonce = typeof nonce === "string" && nonce !== "";
  return {
    network,
    asset,
    ...(hasNonce && { method }),
    ...(typeof from === "string" && { payer: from }),
    nonce: hasNonce ? nonce : await sha256Hex(stringifyJson(payload.payload ?? null)),
    ...(until !== undefined && { validBefore: until }),
    microcents,
  };
}

/** A payment as the reference of its record. */
export function writeSent({ microcents, ...sent }: X402Sent): string {
  return stringifyJson({ ...sent, microcents: microcents.toString() });
}

/** @returns `undefined` for a reference that is none. */
export function readSent(reference: string | undefined): X402Sent | undefined {
  try {
    const read = parseJson(reference ?? "") as Partial<Record<keyof X402Sent, unknown>> | null;
    const microcents = atomicOf(read?.microcents);
    if (microcents === undefined || typeof read?.nonce !== "string") return undefined;
    return { ...(read as unknown as X402Sent), microcents };
  } catch {
    return undefined;
  }
}

/**
 * A `lookupCharge` of x402: asks the chain, by the nonce that was signed. A nonce that was used is a charge. One that was not,
 * and that the chain refuses from now on because its time is over, is a proof that nothing was charged; anything else is
 * unknown. Read a final block, or one behind it: what a reorganisation takes back would be believed.
 * @example
 * const abi = parseAbi(["function authorizationState(address, bytes32) view returns (bool)"]);
 * const lookupCharge = x402LookupCharge(async ({ method, asset, payer, nonce }) => {
 *   if (method !== "eip3009") return undefined;
 *   const { number: blockNumber, timestamp: blockSeconds } = await viem.getBlock({ blockTag: "finalized" });
 *   const address = asset as `0x${string}`;
 *   const args = [payer as `0x${string}`, nonce as `0x${string}`] as const;
 *   const functionName = "authorizationState";
 *   const used = await viem.readContract({ address, abi, functionName, args, blockNumber });
 *   return { used, blockSeconds };
 * });
 * await recover(authority, { lookupCharge });
 */
export function x402LookupCharge(
  useOf: (sent: X402Sent, signal: AbortSignal) => PromiseLike<X402Use | undefined>,
): LookupCharge {
  return async ({ reference, signal }): Promise<ChargeLookup> => {
    const sent = readSent(reference);
    const use = sent && (await useOf(sent, signal));
    if (sent === undefined || use === undefined) return { status: "unknown" };
    if (use.used) {
      const { transaction = sent.transaction ?? sent.nonce, microcents = sent.microcents } = use;
      return { status: "charged", reference: transaction, amount: microcents };
    }
    // EIP-3009: `block.timestamp < validBefore`. By the chain's time alone.
    const isOver = sent.validBefore !== undefined && use.blockSeconds >= BigInt(sent.validBefore);
    return { status: isOver ? "declined" : "unknown" };
  };
}
