import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { temporaryDirectory } from "../../../packages/core/test/node/temporary-directory.ts";
import { LedgerServer } from "./ledger-server.ts";

/** A ledger and an empty directory, both gone when the test ends. */
export async function startLedger(): Promise<{ readonly ledger: LedgerServer; readonly dir: string }> {
  const dir = await temporaryDirectory();
  const ledger = await new LedgerServer().start();
  onTestFinished(() => ledger.stop());
  return { ledger, dir };
}

/** What stands in a directory's files at this very moment: read without giving anybody else a turn. */
export function textIn(dir: string): string {
  return filesIn(dir)
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
}

/** Every file below a directory, but those that only a running process needs. */
export function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .map((name) => join(dir, name))
    .filter((path) => statSync(path).isFile() && !/\.(lock|tmp)$/.test(path));
}
