// The embedded authority over HTTP, its ledger in memory or in the SQLite file that is named.
import { usdMicrocents } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve, sqliteStore } from "@imprest/embedded/node";
import { bePeer } from "./peer.ts";
import { answerUsage } from "./usage.ts";

const [, , file] = process.argv;
const embedded = createEmbeddedAuthority(file === undefined ? {} : { store: sqliteStore({ file }) });
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usdMicrocents(10n ** 15n) });
const { key } = await embedded.apiKeys.create({ tenant: "acme" });
const { url } = await serve(embedded, { port: 0 });
bePeer({ url, key }, answerUsage());
