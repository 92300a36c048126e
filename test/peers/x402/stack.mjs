// The real packages of x402, loaded by Node itself from among them: sellers by their middleware, buyers by their clients, and a
// facilitator with a chain of its own that checks every signature and takes every nonce once.
import { createServer } from "node:http";
import { once } from "node:events";
import { createAdaptorServer } from "@hono/node-server";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { x402Client, x402HTTPClient } from "@x402/core/client";
import { HTTPFacilitatorClient } from "@x402/core/server";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { ExactEvmScheme as ServerScheme } from "@x402/evm/exact/server";
import { declarePaymentIdentifierExtension, extractPaymentIdentifier } from "@x402/extensions/payment-identifier";
import { paymentMiddleware, x402ResourceServer } from "@x402/hono";
import axios from "axios";
import { Hono } from "hono";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { verifyTypedData } from "viem";
import { createPaymentHeader, selectPaymentRequirements } from "x402/client";
import { createSigner } from "x402/types";
import { paymentMiddleware as paymentMiddlewareV1 } from "x402-hono";
import { withPaymentInterceptor } from "x402-axios";
import { wrapFetchWithPayment as wrapFetchV1 } from "x402-fetch";
import { wrapFetchWithPayment } from "@x402/fetch";
import { wrapAxiosWithPayment } from "@x402/axios";

export { axios };
/** The wrappers of the packages themselves, for what becomes of them around a guarded client. */
export const wrappers = { wrapFetchV1, wrapFetchWithPayment, wrapAxiosWithPayment, withPaymentInterceptor };

const network = "eip155:84532";
const payTo = "0x0000000000000000000000000000000000000001";

async function listen(server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}`;
}

function closer(server) {
  return async () => {
    server.closeAllConnections?.();
    await new Promise((resolve) => server.close(resolve));
  };
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
}

const types = {
  TransferWithAuthorization: [
    { name: "from", type: "address" },
    { name: "to", type: "address" },
    { name: "value", type: "uint256" },
    { name: "validAfter", type: "uint256" },
    { name: "validBefore", type: "uint256" },
    { name: "nonce", type: "bytes32" },
  ],
};

/** Answers as a facilitator over HTTP; `settled` is what its chain has, by nonce. `pending` leaves a settlement unconfirmed. */
export async function startFacilitator() {
  const state = { settled: new Map(), identifiers: [], pending: false, refuses: false, offsetSeconds: 0 };
  const nowSeconds = () => BigInt(Math.floor(Date.now() / 1000) + state.offsetSeconds);
  const check = async ({ paymentPayload, paymentRequirements }) => {
    const { authorization, signature } = paymentPayload.payload;
    const asked = paymentRequirements.amount ?? paymentRequirements.maxAmountRequired;
    const domain = {
      ...paymentRequirements.extra,
      chainId: 84532,
      verifyingContract: paymentRequirements.asset,
    };
    const message = { ...authorization };
    for (const name of ["value", "validAfter", "validBefore"]) message[name] = BigInt(authorization[name]);
    const isSigned = await verifyTypedData({
      address: authorization.from,
      domain: {
        name: domain.name,
        version: domain.version,
        chainId: domain.chainId,
        verifyingContract: domain.verifyingContract,
      },
      types,
      primaryType: "TransferWithAuthorization",
      message,
      signature,
    });
    if (!isSigned) return "invalid_signature";
    if (BigInt(asked) !== BigInt(authorization.value)) return "invalid_amount";
    if (BigInt(authorization.validBefore) <= nowSeconds()) return "expired";
    return state.settled.has(authorization.nonce) ? "nonce_used" : undefined;
  };
  const handle = async (request, response) => {
    const answer = (body) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    const body = await bodyOf(request);
    if (request.url === "/supported") {
      const kinds = [
        { x402Version: 2, scheme: "exact", network },
        { x402Version: 1, scheme: "exact", network: "base-sepolia" },
      ];
      return answer({ kinds, extensions: ["payment-identifier"], signers: {} });
    }
    const { authorization } = body.paymentPayload.payload;
    const problem = await check(body);
    if (request.url === "/verify") {
      const id = extractPaymentIdentifier(body.paymentPayload);
      if (id) state.identifiers.push(id);
      return answer({
        isValid: problem === undefined,
        ...(problem && { invalidReason: problem }),
        payer: authorization.from,
      });
    }
    const of = body.paymentRequirements.network;
    if (problem !== undefined || state.refuses) {
      return answer({
        success: false,
        errorReason: problem ?? "insufficient_funds",
        transaction: "",
        network: of,
        payer: authorization.from,
      });
    }
    const transaction = `0x${String(state.settled.size + 1).padStart(64, "0")}`;
    state.settled.set(authorization.nonce, { atomic: BigInt(authorization.value), transaction });
    if (state.pending) {
      return answer({
        success: false,
        errorReason: "settlement_pending",
        transaction,
        network: of,
        payer: authorization.from,
      });
    }
    answer({ success: true, transaction, network: of, payer: authorization.from });
  };
  const server = createServer((request, response) => void handle(request, response));
  const url = await listen(server);
  const total = () => [...state.settled.values()].reduce((sum, { atomic }) => sum + atomic * 100n, 0n);
  return { url, state, total, nowSeconds, close: closer(server) };
}

/** A seller of weather at a cent, by the middleware of either version. */
export async function startSeller(version, facilitatorUrl, sell = (c) => c.json({ sunny: true })) {
  const app = new Hono();
  if (version === 1) {
    const route = { price: "$0.01", network: "base-sepolia" };
    app.use(paymentMiddlewareV1(payTo, { "/weather/*": route }, { url: facilitatorUrl }));
  } else {
    const resource = new x402ResourceServer(new HTTPFacilitatorClient({ url: facilitatorUrl })).register(
      network,
      new ServerScheme(),
    );
    const accepts = { scheme: "exact", price: "$0.01", network, payTo };
    const extensions = { "payment-identifier": declarePaymentIdentifierExtension(true) };
    app.use(paymentMiddleware({ "/weather/*": { accepts, description: "weather", extensions } }, resource));
  }
  app.get("/weather/:n", sell);
  const server = createAdaptorServer({ fetch: app.fetch });
  const url = await listen(server);
  return { url, close: closer(server) };
}

/** An MCP server with a tool at a cent, by x402's transport for MCP; its price and its settlement are `@x402/core`'s. */
export async function startMcpSeller(facilitatorUrl) {
  const resource = new x402ResourceServer(new HTTPFacilitatorClient({ url: facilitatorUrl })).register(
    network,
    new ServerScheme(),
  );
  await resource.initialize();
  const accepts = await resource.buildPaymentRequirements({ scheme: "exact", price: "$0.01", network, payTo });
  const info = { url: "mcp://tool/weather", description: "weather", mimeType: "application/json" };
  const ask = async (error) => {
    const structuredContent = await resource.createPaymentRequiredResponse(accepts, info, error);
    return { isError: true, structuredContent, content: [{ type: "text", text: JSON.stringify(structuredContent) }] };
  };
  const open = () => {
    const mcp = new McpServer({ name: "weather", version: "1" });
    mcp.registerTool("weather", { description: "weather", inputSchema: {} }, async (_, { _meta }) => {
      const payment = _meta?.["x402/payment"];
      if (payment === undefined) return ask("Payment required");
      const verified = await resource.verifyPayment(payment, accepts[0]);
      if (!verified.isValid) return ask(verified.invalidReason);
      const settled = await resource.settlePayment(payment, accepts[0]);
      if (!settled.success) return { ...(await ask("Settlement failed")), _meta: { "x402/payment-response": settled } };
      return { content: [{ type: "text", text: "sunny" }], _meta: { "x402/payment-response": settled } };
    });
    return mcp;
  };
  const handle = async (request, response) => {
    try {
      const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
      const mcp = open();
      response.on("close", () => void mcp.close());
      await mcp.connect(transport);
      await transport.handleRequest(request, response);
    } catch {
      request.socket.destroy();
    }
  };
  const server = createServer((request, response) => void handle(request, response));
  const url = await listen(server);
  return { url, close: closer(server) };
}

/** What signs: the client of version 2, and `createPaymentHeader` of version 1, each with a key of its own. */
export async function createBuyer() {
  const key = generatePrivateKey();
  const client = new x402Client().register("eip155:*", new ExactEvmScheme(privateKeyToAccount(key)));
  const account = await createSigner("base-sepolia", key);
  const signV1 = (version, accepts) =>
    createPaymentHeader(account, version, selectPaymentRequirements(accepts, "base-sepolia", "exact"));
  return { client, http: new x402HTTPClient(client), account, signV1 };
}

/** An MCP client over HTTP. */
export async function connectMcp(url) {
  const mcp = new Client({ name: "buyer", version: "1" });
  await mcp.connect(new StreamableHTTPClientTransport(new URL(url)));
  return mcp;
}
