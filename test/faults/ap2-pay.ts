import type { CyclesAuthority } from "@imprest/cycles";
import { classifyHttpError, withReservation } from "@imprest/ap2";

/** One payment of the fault tests. */
export interface Job {
  readonly pspUrl: string;
  readonly transactionId: string;
  /** What the PSP does: `charged`, `declined`, `unknown`. */
  readonly mode: string;
  readonly tracksCharge: boolean;
}

/** Pays once. @returns the settlement's status, or the name of the error. */
export async function pay(
  authority: CyclesAuthority,
  { pspUrl, transactionId, mode, tracksCharge }: Job,
  send: (charge: () => Promise<Response>) => Promise<Response> = (charge) => charge(),
): Promise<string> {
  const mandate = { transactionId, amountValue: "1.00", currency: "USD", payeeWebsite: "merchant.example" };
  try {
    const { settlement } = await withReservation(
      authority,
      { mandate, runId: "run", tenant: "acme" },
      async (payment) => {
        if (tracksCharge) await payment.charging();
        const query = new URLSearchParams({ transaction: transactionId, mode, amount: String(payment.microcents) });
        const response = await send(() => fetch(`${pspUrl}/charges?${query}`, { method: "POST" }));
        if (!response.ok) throw Object.assign(new Error("declined"), { status: response.status });
        const { reference } = (await response.json()) as { readonly reference: string };
        if (tracksCharge) await payment.charged({ reference });
      },
      { classify: classifyHttpError, tracksCharge },
    );
    return settlement.status;
  } catch (error) {
    return error instanceof Error ? error.name : "unknown";
  }
}
