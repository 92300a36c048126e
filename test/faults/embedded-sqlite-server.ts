// The child of embedded-sqlite.test.ts and embedded-evidence.test.ts: serves a SQLite-backed authority until it is
// killed, and signs what it decides when it is given a name to sign in.
import { ValidationError, tokens } from "@imprest/core";
import { LedgerRefusal, createEmbeddedAuthority } from "@imprest/embedded";
import { serve, sqliteStore } from "@imprest/embedded/node";

const [file, key, serverId] = process.argv.slice(2);
if (file === undefined || key === undefined) {
  throw new ValidationError("arguments", [{ pointer: "", message: "name the file and the key" }]);
}
const authority = createEmbeddedAuthority({
  store: sqliteStore({ file, survives: "process" }),
  evidence: serverId === undefined ? undefined : { serverId },
});
try {
  await authority.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(10n ** 15n) });
  await authority.budgets.create({ scope: { tenant: "acme", agent: "bot" }, allocated: tokens(10n ** 15n) });
  await authority.apiKeys.create({ tenant: "acme", key });
} catch (error) {
  // Every run but the first finds them.
  if (!(error instanceof LedgerRefusal) || error.reason !== "DUPLICATE_RESOURCE") throw error;
}
const server = await serve(authority, { port: 0 });
console.log(server.url);
