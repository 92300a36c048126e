// `pnpm test:peers [--lowest] [--write]`: the SDKs of models under faults, in their newest or lowest versions; `--write` writes
// what they do to docs/model-sdks.md.
import { spawnSync } from "node:child_process";

const args = new Set(process.argv.slice(2));
const unknown = [...args].filter((arg) => !["--lowest", "--write"].includes(arg));
if (unknown.length > 0) throw new Error(`there is no ${unknown.join(", ")}; --lowest or --write`);
const env = {
  ...process.env,
  PEERS_VERSIONS: args.has("--lowest") ? "lowest" : "newest",
  PEERS_WRITE: args.has("--write") ? "1" : "",
};
const { status } = spawnSync("pnpm", ["exec", "vitest", "run", "--project", "peers"], { stdio: "inherit", env });
process.exit(status ?? 1);
