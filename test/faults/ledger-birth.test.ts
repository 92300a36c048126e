import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { sqliteStore } from "@imprest/embedded/node";
import { expect, it } from "vitest";

const rounds = 20;
const program = fileURLToPath(new URL("ledger-birth.ts", import.meta.url));

it("a process killed while it makes a ledger's file leaves none that is taken for one that lost its content", async () => {
  const args = ["--conditions=@imprest/source", "--disable-warning=ExperimentalWarning", program];
  let unfinished = 0;
  for (let round = 0; round < rounds; round += 1) {
    const folder = await mkdtemp(join(tmpdir(), "imprest-birth-"));
    try {
      const child = spawn(process.execPath, [...args, folder], { stdio: ["ignore", "pipe", "inherit"] });
      await once(child.stdout, "data");
      await delay(20 + Math.random() * 60);
      child.kill("SIGKILL");
      await once(child, "exit");
      const names = await readdir(folder);
      const begun = names.filter((name) => name.endsWith("-lock")).map((name) => name.slice(0, -"-lock".length));
      unfinished += begun.filter((name) => !names.includes(name)).length;
      for (const name of begun) sqliteStore({ file: join(folder, name) }).close();
      const left = (await readdir(folder)).filter((name) => !/^\d+\.sqlite(-lock)?$/.test(name));
      expect(left).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  // Else no round met the moment that this is about.
  expect(unfinished).toBeGreaterThan(0);
}, 120_000);
