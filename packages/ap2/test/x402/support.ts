import { recover } from "@imprest/ap2";
import {
  type X402Payload,
  type X402Required,
  type X402Requirements,
  type X402Sent,
  x402LookupCharge,
} from "@imprest/ap2/x402";
import { type Clock, memoryRecordStore, usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { x402Client, x402HTTPClient } from "@x402/core/client";

// A seller at a cent who speaks either version and breaks where the test says, the chain he settles on, and a buyer with a
// budget in this process who signs with the real client of `@x402/core`.

export const usdc = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
export const payTo = "0x0000000000000000000000000000000000000001";
export const cent = 1_000_000n;
export const terms = { runId: "run_1", tenant: "acme" };

export const breaks = [
  "none",
  "before-settling",
  "after-settling",
  "refuses",
  "fails",
  "says-nothing",
  "settles-late",
] as const;
/** Where a seller breaks. `settles-late` answers that the settlement is pending, with its hash. */
export type Break = (typeof breaks)[number];

/** How long a signed payload may be settled, in seconds. */
const validSeconds = 60n;

/** What was settled, and its own time. */
export class Chain {
  readonly settled = new Map<string, { readonly atomic: bigint; readonly transaction: string }>();
  seconds = 1_800_000_000n;

  settle(nonce: string, atomic: bigint): string {
    const transaction = `0xt${this.settled.size + 1}`;
    this.settled.set(nonce, { atomic, transaction });
    return transaction;
  }

  get total(): bigint {
    return [...this.settled.values()].reduce((sum, { atomic }) => sum + atomic * 100n, 0n);
  }

  /** Every payload that was signed so far is too old from here on. */
  passValidity(): void {
    this.seconds += validSeconds;
  }
}

/** What a seller answers to a payment. */
export interface Verdict {
  readonly status: "sold" | "ask" | "error";
  readonly settlement?: object;
}

export class Seller {
  readonly chain: Chain;
  version = 2;
  breaks: Break = "none";
  amount = "10000";
  extensions: Readonly<Record<string, unknown>> | undefined;
  readonly payloads: X402Payload[] = [];

  constructor(chain: Chain) {
    this.chain = chain;
  }

  get required(): X402Required {
    const common = { scheme: "exact", asset: usdc, payTo, maxTimeoutSeconds: Number(validSeconds), extra: {} };
    if (this.version === 1) {
      const more = { resource: "https://api.example/weather", description: "", mimeType: "" };
      const accepts = [{ ...common, ...more, network: "base-sepolia", maxAmountRequired: this.amount }];
      return { x402Version: 1, accepts };
    }
    const resource = { url: "https://api.example/weather", description: "", mimeType: "" };
    const accepts = [{ ...common, network: "eip155:84532", amount: this.amount }];
    const required = { x402Version: 2, accepts, resource };
    return this.extensions ? { ...required, extensions: this.extensions } : required;
  }

  /** What becomes of a payment. @throws where the connection breaks. */
  take(payload: X402Payload): Verdict {
    this.payloads.push(payload);
    if (this.breaks === "before-settling") throw new TypeError("fetch failed");
    if (this.breaks === "refuses") return { status: "ask" };
    if (this.breaks === "fails") return { status: "error" };
    const { authorization } = payload.payload as { readonly authorization: { readonly nonce: string } };
    const transaction = this.chain.settle(authorization.nonce, BigInt(this.amount));
    if (this.breaks === "after-settling") throw new TypeError("fetch failed");
    if (this.breaks === "says-nothing") return { status: "sold" };
    const network = this.version === 2 ? "eip155:84532" : "base-sepolia";
    if (this.breaks === "settles-late")
      return { status: "ask", settlement: { success: false, errorReason: "settlement_pending", transaction, network } };
    return { status: "sold", settlement: { success: true, transaction, network, payer: payTo } };
  }

  readonly fetch = async (request: Request): Promise<Response> => {
    const header = request.headers.get("PAYMENT-SIGNATURE") ?? request.headers.get("X-PAYMENT");
    if (header === null) return this.#ask();
    const { status, settlement } = this.take(decode(header) as X402Payload);
    const name = this.version === 2 ? "PAYMENT-RESPONSE" : "X-PAYMENT-RESPONSE";
    const headers = settlement === undefined ? {} : { [name]: encode(settlement) };
    if (status === "ask") return this.#ask(headers);
    return new Response("sunny", { status: status === "sold" ? 200 : 500, headers });
  };

  #ask(headers: Readonly<Record<string, string>> = {}): Response {
    const { required } = this;
    if (required.x402Version === 1) return new Response(JSON.stringify(required), { status: 402, headers });
    return new Response("{}", { status: 402, headers: { ...headers, "PAYMENT-REQUIRED": encode(required) } });
  }
}

export async function openBuyer({ allocated = "0.05", clock }: { allocated?: string; clock?: Clock } = {}) {
  const embedded = createEmbeddedAuthority();
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd(allocated) });
  const records = memoryRecordStore();
  const worker = () => embedded.authority({ tenant: "acme", records, ...(clock && { clock }) });
  const chain = new Chain();
  const seller = new Seller(chain);
  let signed = 0;
  const payload = (atomic: string): object => {
    signed += 1;
    const validBefore = (chain.seconds + validSeconds).toString();
    return { signature: "0x", authorization: { from: "0xbuyer", nonce: `0xn${signed}`, value: atomic, validBefore } };
  };
  // What may be spent is the guard's question here, not the client's own table of assets.
  const client = x402Client.fromConfig({ schemes: [], spendControls: false });
  client.register("eip155:84532", {
    scheme: "exact",
    createPaymentPayload: async (x402Version, { amount }) => ({ x402Version, payload: { ...payload(amount) } }),
  });
  client.registerV1("base-sepolia", {
    scheme: "exact",
    createPaymentPayload: async (_, requirements) => ({
      x402Version: 1,
      scheme: "exact",
      network: "base-sepolia",
      payload: { ...payload((requirements as X402Requirements).maxAmountRequired ?? "") },
    }),
  });
  const unsettled: unknown[] = [];
  const books = async () => {
    const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
    return { spent, reserved };
  };
  const asked: X402Sent[] = [];
  /** Asks the chain what became of each payment that is held. */
  const recoverAll = () =>
    recover(worker(), {
      lookupCharge: x402LookupCharge(async (sent) => {
        asked.push(sent);
        const found = chain.settled.get(sent.nonce);
        return { used: found !== undefined, blockSeconds: chain.seconds, transaction: found?.transaction };
      }),
    });
  return {
    seller,
    chain,
    client,
    http: new x402HTTPClient(client),
    budget: worker(),
    worker,
    records,
    books,
    unsettled,
    options: { terms, onUnsettled: (error: unknown) => void unsettled.push(error) },
    asked,
    recoverAll,
    signed: () => signed,
  };
}

export const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64");
export const decode = (header: string): unknown => JSON.parse(Buffer.from(header, "base64").toString());
export const failureOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);
