// Stands in for what x402.ts buys from: a seller of weather at a cent, the chain on which it is paid, and the buyer's wallet.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const network = "eip155:84532";
const asset = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"; // USDC on Base Sepolia

/** Nonces that were used. */
export const chain = new Map<string, string>();
/** The chain's own time. */
export const block = { timestamp: 1_800_000_000n };

type Hex = `0x${string}`;

/** Stands in for `createPublicClient({ chain: base, transport: http() })` of viem, with the types of its two calls. */
export const viem: PublicClient = {
  getBlock: async () => ({ number: 1n, timestamp: block.timestamp }),
  readContract: async ({ args: [, nonce] }) => chain.has(nonce),
};

interface PublicClient {
  getBlock(query: { readonly blockTag: "finalized" }): Promise<{ readonly number: bigint; readonly timestamp: bigint }>;
  readContract(call: {
    readonly address: Hex;
    readonly abi: unknown;
    readonly functionName: "authorizationState";
    readonly args: readonly [payer: Hex, nonce: Hex];
    readonly blockNumber: bigint;
  }): Promise<boolean>;
}

/** Stands in for `parseAbi` of viem. */
export const parseAbi = (signatures: readonly string[]): unknown => signatures;

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64");

const server = createServer((request, response) => {
  const header = request.headers["payment-signature"];
  if (typeof header !== "string") {
    const payTo = "0x0000000000000000000000000000000000000001";
    const accepts = [{ scheme: "exact", network, asset, amount: "10000", payTo, maxTimeoutSeconds: 60, extra: {} }];
    const resource = { url: request.url, description: "weather", mimeType: "text/plain" };
    response.writeHead(402, { "payment-required": encode({ x402Version: 2, resource, accepts }) });
    response.end();
    return;
  }
  const { payload } = JSON.parse(Buffer.from(header, "base64").toString()) as {
    readonly payload: { readonly authorization: { readonly nonce: string } };
  };
  const transaction = `0xt${chain.size + 1}`;
  chain.set(payload.authorization.nonce, transaction);
  if (request.url === "/breaks") {
    request.socket.destroy();
    return;
  }
  response.writeHead(200, { "payment-response": encode({ success: true, transaction, network, payer: "0xbuyer" }) });
  response.end("sunny");
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
server.unref();
export const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** Signs as `ExactEvmScheme` of `@x402/evm` does, but for the signature. */
export const scheme = {
  scheme: "exact",
  createPaymentPayload: async (x402Version: number, { amount }: { readonly amount: string }) => {
    const validBefore = (block.timestamp + 60n).toString();
    const authorization = { from: "0xbuyer", nonce: `0xn${Math.random()}`, value: amount, validBefore };
    return { x402Version, payload: { signature: "0x", authorization } };
  },
};
