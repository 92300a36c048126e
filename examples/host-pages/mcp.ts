// docs/hosts/mcp.md: a tool of an MCP server under a budget.
import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
// #region server
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";
import { createBudget, guard, usd } from "imprest";

const budget = createBudget({ limit: "$0.05", prices: {} }); // no model is called here
const server = new McpServer({ name: "search", version: "1.0.0" });

/** A search that is paid for by the query. */
const search = async (query: string) => ({ text: `Nothing about ${query}.`, cost: usd("0.02") });

server.registerTool(
  "search",
  { description: "Searches the web.", inputSchema: { query: z.string() } },
  guard(
    budget,
    { estimate: usd("0.02"), action: { kind: "web.search" } },
    async ({ spend }, { query }: { query: string }) => {
      const { text, cost } = await search(query);
      spend(cost);
      return { content: [{ type: "text" as const, text }] };
    },
  ),
);
// #endregion

const client = new Client({ name: "agent", version: "1.0.0" });
const [here, there] = InMemoryTransport.createLinkedPair();
await Promise.all([server.connect(there), client.connect(here)]);
const call = async () => client.callTool({ name: "search", arguments: { query: "imprest" } });
for (let count = 1; count <= 2; count += 1) {
  assert.deepEqual((await call()).content, [{ type: "text", text: "Nothing about imprest." }]);
}
const refused = await call();
assert.equal(refused.isError, true);
assert.match(JSON.stringify(refused.content), /Nothing was started/);
assert.deepEqual((await budget.balance()).spent, usd("0.04"));
await client.close();
