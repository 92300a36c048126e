// Runs a command with the Node and pnpm this repository is built with, brought by npx from the registry,
// so that a clone needs nothing but git, npm and any Node >= 18. Dependencies are installed first.
import { spawnSync } from "node:child_process";

const command = process.argv.slice(2).join(" ");
const script = `pnpm install --frozen-lockfile --silent && ${command}`;
const { status, error } = spawnSync(
  "npx",
  ["--yes", "--package=node@24.21.0", "--package=pnpm@12.21.0", "-c", script],
  { stdio: "inherit", shell: process.platform === "win32" },
);
if (error) throw error;
process.exit(status ?? 1);
